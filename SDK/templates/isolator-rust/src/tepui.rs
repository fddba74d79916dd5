//! What a simple isolator needs of tepui/module.h and tepui/isolator.h, field by field. The headers say what it all means.
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
pub const ISOLATOR_1: &str = "tepui.isolator/1";

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
pub struct Node {
    pub size: u32,
    pub controller_count: u32,
    pub cpus: i64,
    pub memory_bytes: i64,
    pub controllers: *const Text,
}

#[repr(C)]
pub struct Amount {
    pub size: u32,
    pub name: Text,
    pub value: i64,
}

pub const CONTAINER_RUNNING: u32 = 2;

#[repr(C)]
pub struct Container {
    pub size: u32,
    pub flags: u32,
    pub id: Text,
    pub framework: Text,
    pub executor: Text,
    pub role: Text,
    pub user: Text,
    pub sandbox: Text,
    pub requests: *const Amount,
    pub limits: *const Amount,
    pub request_count: u32,
    pub limit_count: u32,
    pub pid: i64,
}

impl Container {
    /// The request for a resource in thousandths, if there is one.
    ///
    /// # Safety
    /// Within the call that got the container.
    pub unsafe fn requested(&self, name: &str) -> Option<i64> {
        (0..self.request_count as usize)
            .map(|index| {
                // By the size that the host gives, which may be larger than ours.
                let start = self.requests as *const u8;
                &*(start.add(index * (*self.requests).size as usize) as *const Amount)
            })
            .find(|amount| amount.name.is(name))
            .map(|amount| amount.value)
    }
}

/// The first functions of tepui_plan_sink; more may follow, up to `size`.
#[repr(C)]
pub struct PlanSink {
    pub size: u32,
    pub context: *mut c_void,
    pub cgroup: unsafe extern "C" fn(*mut c_void, Text, Text) -> Status,
    pub watch: *const c_void,
    pub environment: unsafe extern "C" fn(*mut c_void, Text, Text) -> Status,
    pub rlimit: unsafe extern "C" fn(*mut c_void, Text, u64, u64) -> Status,
    pub namespaces: unsafe extern "C" fn(*mut c_void, u32) -> Status,
}

#[repr(C)]
pub struct Isolator {
    pub size: u32,
    pub create:
        unsafe extern "C" fn(*const Host, *const Node, *const Parameter, u32, *mut *mut c_void, *mut Error) -> Status,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub plan: unsafe extern "C" fn(*mut c_void, *const Container, *const PlanSink, *mut Error) -> Status,
}
