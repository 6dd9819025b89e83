//! Backends of this build, by name.
//!
//! `Device::default()` is never used: it depends on which features any crate of the build happens
//! to enable. The requested backend runs, or the error names the cargo feature that provides it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use burn::tensor::Device;

#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;

/// All backends, in the order of `tinderbox devices`.
pub const BACKENDS: [&str; 9] = [
    "flex", "ndarray", "wgpu", "vulkan", "metal", "webgpu", "cuda", "rocm", "cpu",
];

/// Error of opening a device.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Unknown backend name.
    #[error("there is no device `{name}`; the names are {}", BACKENDS.join(", "))]
    Unknown {
        /// Requested device.
        name: String,
    },
    /// The backend is not compiled into this build.
    #[error(
        "device `{name}` is not compiled in (this build has: {}); build with `--features {name}`, or \
         `just backend={name} ...`", compiled().collect::<Vec<_>>().join(", ")
    )]
    NotCompiled {
        /// Name of the backend and of its cargo feature.
        name: &'static str,
    },
    /// The index is not a number, or the backend takes none.
    #[error("device `{given}`: {reason}")]
    BadIndex {
        /// Requested device.
        given: String,
        /// Reason.
        reason: String,
    },
    /// The backend fails to start.
    #[error("device `{name}` does not start: {reason}")]
    Unavailable {
        /// Requested device.
        name: String,
        /// Message of the backend.
        reason: String,
    },
}

/// `NAME` or `NAME:INDEX`, as in `cuda:1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceName {
    backend: &'static str,
    index: Option<Index>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    Number(usize),
    /// Software adapter of a graphics API, for machines without a GPU.
    Software,
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(given: &str) -> Result<Self, DeviceError> {
        let (name, index) = match given.split_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (given, None),
        };
        let Some(backend) = BACKENDS.into_iter().find(|backend| *backend == name) else {
            return Err(DeviceError::Unknown { name: name.into() });
        };
        let bad_index = |reason: &str| DeviceError::BadIndex {
            given: given.into(),
            reason: reason.into(),
        };
        let index = match index {
            None => None,
            Some(_) if matches!(backend, "flex" | "ndarray" | "cpu") => {
                return Err(bad_index("this backend has one device and takes no index"));
            }
            Some("software") if is_graphics(backend) => Some(Index::Software),
            Some(number) => match number.parse() {
                Ok(number) => Some(Index::Number(number)),
                Err(_) => return Err(bad_index("the index must be a number, as in cuda:0")),
            },
        };
        Ok(Self { backend, index })
    }
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.index {
            None => f.pad(self.backend),
            Some(Index::Number(index)) => f.pad(&format!("{}:{index}", self.backend)),
            Some(Index::Software) => f.pad(&format!("{}:software", self.backend)),
        }
    }
}

impl DeviceName {
    /// Name of the backend, without the index.
    pub fn backend(&self) -> &'static str {
        self.backend
    }
}

fn is_graphics(backend: &str) -> bool {
    matches!(backend, "wgpu" | "vulkan" | "metal" | "webgpu")
}

/// Backends of this build.
pub fn compiled() -> impl Iterator<Item = &'static str> {
    BACKENDS.into_iter().filter(|name| is_compiled(name))
}

fn is_compiled(name: &str) -> bool {
    match name {
        "flex" => cfg!(feature = "flex"),
        "ndarray" => cfg!(feature = "ndarray"),
        "wgpu" => cfg!(feature = "wgpu"),
        "vulkan" => cfg!(feature = "vulkan"),
        "metal" => cfg!(feature = "metal"),
        "webgpu" => cfg!(feature = "webgpu"),
        "cuda" => cfg!(feature = "cuda"),
        "rocm" => cfg!(feature = "rocm"),
        "cpu" => cfg!(feature = "cpu"),
        _ => false,
    }
}

/// Default device: the first backend of this build in the order of [`BACKENDS`], so the CPU unless
/// the build has none. GPUs are used on request only.
pub fn default_name() -> Option<DeviceName> {
    compiled().next().map(|backend| DeviceName {
        backend,
        index: None,
    })
}

/// Starts a device, without gradients; `.autodiff()` adds them. Backends report a missing adapter
/// or driver by panicking, so a small addition is tried here, where a panic can still be turned
/// into an error.
///
/// # Errors
/// The backend is not compiled in, or does not start.
pub fn open(name: &DeviceName) -> Result<Device, DeviceError> {
    if !is_compiled(name.backend) {
        return Err(DeviceError::NotCompiled { name: name.backend });
    }
    let unavailable = |reason: String| DeviceError::Unavailable {
        name: name.to_string(),
        reason,
    };
    let start = || {
        let device = create(name)?;
        let one = burn::tensor::Tensor::<1>::ones([1], &device);
        let two = (one.clone() + one).try_into_data();
        two.map(|_| device).map_err(|e| unavailable(e.to_string()))
    };
    catch_panic(start).unwrap_or_else(|panic| Err(unavailable(panic)))
}

fn create(name: &DeviceName) -> Result<Device, DeviceError> {
    #[allow(unused_variables)]
    let number = match name.index {
        Some(Index::Number(index)) => index,
        _ => 0,
    };
    match name.backend {
        #[cfg(feature = "flex")]
        "flex" => Ok(Device::flex()),
        // Deprecated in Burn in favour of flex, but asked for by name here, and it works.
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        "ndarray" => Ok(Device::ndarray()),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(adapter(name.index))),
        #[cfg(feature = "metal")]
        "metal" => Ok(Device::metal(adapter(name.index))),
        #[cfg(feature = "webgpu")]
        "webgpu" => Ok(Device::webgpu(adapter(name.index))),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(adapter(name.index))),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(number)),
        #[cfg(feature = "rocm")]
        "rocm" => Ok(Device::rocm(number)),
        #[cfg(feature = "cpu")]
        "cpu" => Ok(Device::cpu()),
        _ => Err(DeviceError::NotCompiled { name: name.backend }),
    }
}

#[cfg(feature = "wgpu")]
fn adapter(index: Option<Index>) -> DeviceKind {
    match index {
        None => DeviceKind::DefaultDevice,
        Some(Index::Number(index)) => DeviceKind::DiscreteGpu(index),
        Some(Index::Software) => DeviceKind::Cpu,
    }
}

/// Description of the device.
pub fn adapter_name(device: &Device) -> String {
    #[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm", feature = "cpu"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let _ = device;
    format!("CPU, {threads} threads")
}

/// Runs `work` and turns a panic into the first line of its message, which is not printed. Backends
/// report problems of a machine by panicking.
///
/// # Errors
/// The message of the panic.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    result.map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no reason given".into());
        text.lines().next().unwrap_or_default().to_string()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        for name in ["flex", "cuda:1", "wgpu:software", "vulkan"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        for name in ["gpu", "flex:0", "cuda:first", "cuda:software"] {
            assert!(name.parse::<DeviceName>().is_err(), "{name}");
        }
    }

    #[test]
    #[cfg(not(feature = "rocm"))]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        let error = open(&"rocm".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("--features rocm"), "{error}");
    }

    #[test]
    #[cfg(feature = "flex")]
    fn the_default_is_the_cpu() {
        assert_eq!(default_name().unwrap().to_string(), "flex");
        assert!(open(&default_name().unwrap()).is_ok());
    }
}
