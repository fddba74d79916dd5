//! @NAME@: the fullest agents first, so that the fewest are in use; claimants take turns.
//! cargo build --release; tepui-module check target/release/lib@CRATE@.so
mod tepui;
use std::mem::size_of;
use std::os::raw::c_void;
use tepui::*;

unsafe extern "C" fn create(
    _: *const Host, _: *const Parameter, _: u32, instance: *mut *mut c_void, _: *mut Error,
) -> Status {
    *instance = std::ptr::null_mut(); // nothing to remember between cycles
    OK
}

unsafe extern "C" fn destroy(_: *mut c_void) {}

/// How much of its CPUs is in use, from 0 to 1.
unsafe fn fullness(view: &View, agent: u32) -> f64 {
    let total = view.amount(view.agent_total, agent, 0);
    if total > 0 { 1.0 - view.amount(view.agent_free, agent, 0) as f64 / total as f64 } else { 0.0 }
}

unsafe extern "C" fn allocate(_: *mut c_void, view: *const View, sink: *const GrantSink, _: *mut Error) -> Status {
    let (view, sink) = (&*view, &*sink);
    let mut agents: Vec<(f64, u32)> = view.candidates().iter().map(|&a| (fullness(view, a), a)).collect();
    agents.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let active = view.active();
    for (_, agent) in agents {
        for turn in 0..active.len() {
            if !view.has_any(agent) { break; }
            let claimant = active[(view.cycle as usize + turn) % active.len()];
            if view.may_offer(claimant, agent) {
                (sink.grant)(sink.context, agent, claimant, std::ptr::null());
            }
        }
    }
    OK
}

static ALLOCATOR: Allocator = Allocator { size: size_of::<Allocator>() as u32, create, destroy, allocate };

static DESCRIPTOR: Descriptor = Descriptor {
    size: size_of::<Descriptor>() as u32,
    parameter_count: 0,
    id: Text::of("@ID@"),
    kind: Text::of(ALLOCATOR_1),
    version: Text::of("0.1.0"),
    author: Text::of("@AUTHOR@"),
    licence: Text::of("Apache-2.0"),
    summary: Text::of("Fills the fullest agents first."),
    parameters: std::ptr::null(),
};

unsafe extern "C" fn interface(id: Text) -> *const c_void {
    if id.is(ALLOCATOR_1) { &ALLOCATOR as *const Allocator as *const c_void } else { std::ptr::null() }
}

/// # Safety
/// Called by the host only.
#[no_mangle]
pub unsafe extern "C" fn tepui_module_entry(host: *const Host, module: *mut Module, error: *mut Error) -> Status {
    fill(host, module, error, &DESCRIPTOR, interface)
}
