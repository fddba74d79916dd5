//! @NAME@: lets no command of a container open more than a number of files.
//! cargo build --release; tepui-module check target/release/lib@CRATE@.so
mod tepui;
use std::mem::size_of;
use std::os::raw::c_void;
use tepui::*;

/// An instance: the value of its parameter.
struct OpenFiles(u64);

unsafe extern "C" fn create(
    _: *const Host, _: *const Node, parameters: *const Parameter, _: u32, instance: *mut *mut c_void, _: *mut Error,
) -> Status {
    *instance = Box::into_raw(Box::new(OpenFiles((*parameters).integer as u64))) as *mut c_void;
    OK
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut OpenFiles));
}

unsafe extern "C" fn plan(
    instance: *mut c_void, container: *const Container, sink: *const PlanSink, _: *mut Error,
) -> Status {
    if (*container).flags & CONTAINER_RUNNING != 0 {
        return OK; // nothing that changes later
    }
    let limit = (*(instance as *const OpenFiles)).0;
    ((*sink).rlimit)((*sink).context, Text::of("nofile"), limit, limit);
    OK
}

static ISOLATOR: Isolator = Isolator { size: size_of::<Isolator>() as u32, create, destroy, plan };

static SPECS: [ParameterSpec; 1] = [ParameterSpec {
    size: size_of::<ParameterSpec>() as u32,
    kind: 1, // TEPUI_PARAMETER_INTEGER
    name: Text::of("open_files"),
    initial: Text::of("1024"),
    minimum: 3,
    maximum: 1_000_000,
    allowed: std::ptr::null(),
    allowed_count: 0,
    help: Text::of("How many files a process may have open."),
}];

static DESCRIPTOR: Descriptor = Descriptor {
    size: size_of::<Descriptor>() as u32,
    parameter_count: SPECS.len() as u32,
    id: Text::of("@ID@"),
    kind: Text::of(ISOLATOR_1),
    version: Text::of("0.1.0"),
    author: Text::of("@AUTHOR@"),
    licence: Text::of("Apache-2.0"),
    summary: Text::of("Limits the files that a process may have open."),
    parameters: SPECS.as_ptr(),
};

unsafe extern "C" fn interface(id: Text) -> *const c_void {
    if id.is(ISOLATOR_1) { &ISOLATOR as *const Isolator as *const c_void } else { std::ptr::null() }
}

/// # Safety
/// Called by the host only.
#[no_mangle]
pub unsafe extern "C" fn tepui_module_entry(host: *const Host, module: *mut Module, error: *mut Error) -> Status {
    fill(host, module, error, &DESCRIPTOR, interface)
}
