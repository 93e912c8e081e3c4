//! An Envoy dynamic module: SHA-256 of the presented key looked up among those of the file `$KEYS`, a call counted per
//! key, the key taken off, a bearer token of 400 bytes put on. Written on the documented C interface of Envoy 1.40
//! (`source/extensions/dynamic_modules/abi`), without its SDK; the interface is checked by version, so another Envoy
//! refuses to load it.
#![allow(unsafe_code, clippy::not_unsafe_ptr_arg_deref, reason = "the interface is C")]

use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const INTERFACE: &CStr = c"v0.1.0";
const REQUEST_HEADERS: u32 = 0;
const CONTINUE: u32 = 0;
const STOP: u32 = 1;
const BEARER_BYTES: usize = 400;

/// A string of Envoy's or of ours.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    start: *const u8,
    length: usize,
}

impl Text {
    const NONE: Self = Self { start: ptr::null(), length: 0 };

    fn of(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr(), length: bytes.len() }
    }
}

unsafe extern "C" {
    fn envoy_dynamic_module_callback_http_get_header(
        filter: *mut c_void,
        kind: u32,
        name: Text,
        value: *mut Text,
        index: usize,
        count: *mut usize,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(filter: *mut c_void, kind: u32, name: Text, value: Text) -> bool;
    fn envoy_dynamic_module_callback_http_send_response(
        filter: *mut c_void,
        status: u32,
        headers: *mut c_void,
        header_count: usize,
        body: Text,
        details: Text,
    );
}

struct Gateway {
    keys: HashMap<[u8; 32], usize>,
    calls: Vec<AtomicU64>,
    bearer: String,
}

static GATEWAY: OnceLock<Gateway> = OnceLock::new();

fn gateway() -> &'static Gateway {
    GATEWAY.get_or_init(|| {
        let path = std::env::var("KEYS").expect("KEYS names a file");
        let text = std::fs::read_to_string(path).expect("the file of keys");
        let keys: HashMap<[u8; 32], usize> =
            text.lines().zip(0..).map(|(key, number)| (Sha256::digest(key).into(), number)).collect();
        let calls = keys.iter().map(|_| AtomicU64::new(0)).collect();
        Gateway { keys, calls, bearer: format!("Bearer {}", "x".repeat(BEARER_BYTES)) }
    })
}

/// Which interface this module was written for.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_program_init() -> *const u8 {
    INTERFACE.as_ptr().cast()
}

/// A filter is configured: read the keys.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _config: *mut c_void,
    _name: Text,
    _text: Text,
) -> *const c_void {
    ptr::from_ref(gateway()).cast()
}

/// One filter per request; this one keeps nothing of its own.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const c_void,
    _filter: *mut c_void,
) -> *const c_void {
    config
}

/// The request's head has come.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    filter: *mut c_void,
    _module: *const c_void,
    _ends: bool,
) -> u32 {
    let gateway = gateway();
    let known = presented(filter).and_then(|key| gateway.keys.get(&key));
    let Some(&number) = known else {
        let body = Text::of(b"{\"error\":\"refused\"}");
        // SAFETY: `filter` is the one that Envoy called with; the texts are static.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(filter, 401, ptr::null_mut(), 0, body, Text::of(b"key"));
        }
        return STOP;
    };
    gateway.calls[number].fetch_add(1, Ordering::Relaxed);
    set_header(filter, b"x-api-key", Text::NONE);
    set_header(filter, b"authorization", Text::of(gateway.bearer.as_bytes()));
    CONTINUE
}

/// The digest of the key that the request presents.
fn presented(filter: *mut c_void) -> Option<[u8; 32]> {
    let mut value = Text::NONE;
    // SAFETY: `filter` is the one that Envoy called with; it fills `value` with a string that lives for this call.
    let key = unsafe {
        let found = envoy_dynamic_module_callback_http_get_header(
            filter,
            REQUEST_HEADERS,
            Text::of(b"x-api-key"),
            &raw mut value,
            0,
            ptr::null_mut(),
        );
        if !found || value.start.is_null() {
            return None;
        }
        std::slice::from_raw_parts(value.start, value.length)
    };
    Some(Sha256::digest(key).into())
}

/// No value: the header goes.
fn set_header(filter: *mut c_void, name: &[u8], value: Text) {
    // SAFETY: `filter` is the one that Envoy called with; Envoy copies both strings.
    unsafe {
        envoy_dynamic_module_callback_http_set_header(filter, REQUEST_HEADERS, Text::of(name), value);
    }
}

/// What goes on as it is: bodies, trailers, answers.
macro_rules! passes {
    ($($event:ident),+ $(,)?) => {
        $(
            /// Nothing to do: it goes on.
            #[unsafe(no_mangle)]
            pub extern "C" fn $event() -> u32 {
                CONTINUE
            }
        )+
    };
}

passes! {
    envoy_dynamic_module_on_http_filter_request_body,
    envoy_dynamic_module_on_http_filter_request_trailers,
    envoy_dynamic_module_on_http_filter_response_headers,
    envoy_dynamic_module_on_http_filter_response_body,
    envoy_dynamic_module_on_http_filter_response_trailers,
}

/// What is only told.
macro_rules! ignores {
    ($($event:ident),+ $(,)?) => {
        $(
            /// Nothing to do.
            #[unsafe(no_mangle)]
            pub extern "C" fn $event() {}
        )+
    };
}

ignores! {
    envoy_dynamic_module_on_http_filter_config_destroy,
    envoy_dynamic_module_on_http_filter_destroy,
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark,
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark,
    envoy_dynamic_module_on_http_filter_http_callout_done,
    envoy_dynamic_module_on_http_filter_http_stream_complete,
    envoy_dynamic_module_on_http_filter_http_stream_data,
    envoy_dynamic_module_on_http_filter_http_stream_headers,
    envoy_dynamic_module_on_http_filter_http_stream_reset,
    envoy_dynamic_module_on_http_filter_http_stream_trailers,
    envoy_dynamic_module_on_http_filter_scheduled,
    envoy_dynamic_module_on_http_filter_stream_complete,
}
