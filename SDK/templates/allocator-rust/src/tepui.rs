//! What a policy needs of tepui/module.h and tepui/allocator.h, field by field. The headers say what it all means.
#![allow(dead_code)]
use std::os::raw::{c_char, c_void};

pub type Status = i32;
pub const OK: Status = 0;
pub const INVALID: Status = 2;
pub const UNSUPPORTED: Status = 3;
pub const FAILED: Status = 4;
pub const NONE: u32 = u32::MAX;

/// ABI 0.9.
pub const ABI_VERSION: u32 = 9;
pub const ALLOCATOR_1: &str = "tepui.allocator/1";

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub bytes: *const c_char,
    pub length: u64,
}

impl Text {
    pub const fn of(text: &'static str) -> Text {
        Text { bytes: text.as_ptr() as *const c_char, length: text.len() as u64 }
    }

    /// # Safety
    /// `bytes` must point at `length` bytes, as every text of the host does.
    pub unsafe fn is(&self, other: &str) -> bool {
        self.length == other.len() as u64
            && (self.length == 0
                || std::slice::from_raw_parts(self.bytes as *const u8, other.len()) == other.as_bytes())
    }
}

#[repr(C)]
pub struct Error {
    pub size: u32,
    pub capacity: u32,
    pub length: u32,
    pub text: *mut c_char,
}

/// Writes a text, cut to what fits, and returns `status`.
///
/// # Safety
/// `error` must be NULL or what the host gave.
pub unsafe fn fail(error: *mut Error, status: Status, text: &str) -> Status {
    if !error.is_null() && !(*error).text.is_null() {
        let length = text.len().min((*error).capacity as usize);
        std::ptr::copy_nonoverlapping(text.as_ptr() as *const c_char, (*error).text, length);
        (*error).length = length as u32;
    }
    status
}

#[repr(C)]
pub struct ParameterSpec {
    pub size: u32,
    pub kind: u32,
    pub name: Text,
    pub initial: Text,
    pub minimum: i64,
    pub maximum: i64,
    pub allowed: *const Text,
    pub allowed_count: u32,
    pub help: Text,
}

#[repr(C)]
pub struct Parameter {
    pub size: u32,
    pub kind: u32,
    pub name: Text,
    pub text: Text,
    pub integer: i64,
}

#[repr(C)]
pub struct Host {
    pub size: u32,
    pub abi_oldest: u32,
    pub abi_newest: u32,
    pub product: Text,
    pub version: Text,
    pub context: *mut c_void,
    pub log: unsafe extern "C" fn(*mut c_void, i32, Text),
    pub extension: unsafe extern "C" fn(*mut c_void, Text) -> *const c_void,
}

#[repr(C)]
pub struct Descriptor {
    pub size: u32,
    pub parameter_count: u32,
    pub id: Text,
    pub kind: Text,
    pub version: Text,
    pub author: Text,
    pub licence: Text,
    pub summary: Text,
    pub parameters: *const ParameterSpec,
}
// The texts are static.
unsafe impl Sync for Descriptor {}
unsafe impl Sync for ParameterSpec {}

#[repr(C)]
pub struct Module {
    pub size: u32,
    pub abi: u32,
    pub descriptor: *const Descriptor,
    pub interface: unsafe extern "C" fn(Text) -> *const c_void,
}

/// The whole body of an entry function.
///
/// # Safety
/// The pointers must be those that the host gave.
pub unsafe fn fill(
    host: *const Host,
    module: *mut Module,
    error: *mut Error,
    descriptor: &'static Descriptor,
    interface: unsafe extern "C" fn(Text) -> *const c_void,
) -> Status {
    if (*host).abi_oldest > ABI_VERSION || (*host).abi_newest < ABI_VERSION {
        return fail(error, UNSUPPORTED, "built for ABI 0.9, which the host does not speak");
    }
    (*module).abi = ABI_VERSION;
    (*module).descriptor = descriptor;
    (*module).interface = interface;
    OK
}

#[repr(C)]
pub struct View {
    pub size: u32,
    pub kinds: u32,
    pub agents: u32,
    pub roles: u32,
    pub claimants: u32,
    pub candidate_count: u32,
    pub active_count: u32,
    pub changed_agent_count: u32,
    pub cycle: u64,
    pub seed: u64,
    pub now_ns: i64,
    pub deadline_ns: i64,
    pub candidates: *const u32,
    pub active: *const u32,
    pub changed_agents: *const u32,
    pub kind_flags: *const u32,
    pub cluster_total: *const i64,
    pub agent_total: *const i64,
    pub agent_free: *const i64,
    pub role_parent: *const u32,
    pub role_weight: *const i64,
    pub role_allocated: *const i64,
    pub claimant_framework: *const u32,
    pub claimant_role: *const u32,
    pub claimant_allocated: *const i64,
    pub claimant_blocked: *const *const u64,
    pub context: *mut c_void,
    pub name: unsafe extern "C" fn(*mut c_void, u32, u32) -> Text,
    pub agent_extra_role: *const u32,
}

impl View {
    /// # Safety
    /// As for all functions here: within the call of allocate, and with ids of the view.
    pub unsafe fn candidates(&self) -> &[u32] {
        if self.candidate_count == 0 { &[] } else { std::slice::from_raw_parts(self.candidates, self.candidate_count as usize) }
    }

    pub unsafe fn active(&self) -> &[u32] {
        if self.active_count == 0 { &[] } else { std::slice::from_raw_parts(self.active, self.active_count as usize) }
    }

    /// One number of a table, in thousandths; read anew each time, since live columns change.
    pub unsafe fn amount(&self, table: *const i64, id: u32, kind: u32) -> i64 {
        table.add(id as usize * self.kinds as usize + kind as usize).read_volatile()
    }

    pub unsafe fn may_offer(&self, claimant: u32, agent: u32) -> bool {
        let blocked = *self.claimant_blocked.add(claimant as usize);
        blocked.is_null() || *blocked.add(agent as usize / 64) >> (agent % 64) & 1 == 0
    }

    pub unsafe fn has_any(&self, agent: u32) -> bool {
        (0..self.kinds).any(|kind| self.amount(self.agent_free, agent, kind) > 0)
            || self.agent_extra_role.add(agent as usize).read_volatile() != NONE
    }
}

#[repr(C)]
pub struct GrantSink {
    pub size: u32,
    pub context: *mut c_void,
    pub grant: unsafe extern "C" fn(*mut c_void, u32, u32, *const i64) -> Status,
}

#[repr(C)]
pub struct Allocator {
    pub size: u32,
    pub create: unsafe extern "C" fn(*const Host, *const Parameter, u32, *mut *mut c_void, *mut Error) -> Status,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub allocate: unsafe extern "C" fn(*mut c_void, *const View, *const GrantSink, *mut Error) -> Status,
}
