//! `--device`.

use anyhow::Context;
use burn::tensor::Device;
use clap::Args;
use tinderbox_train::device::{self, DeviceName};

/// `--device`.
#[derive(Args, Default)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Device to run on [default: the CPU].
    ///
    /// NAME or NAME:INDEX, as in cuda:1 or wgpu:software; `tinderbox devices` lists the names. The
    /// default is flex, the CPU, or the first backend of a build without it.
    #[arg(long, value_name = "NAME[:INDEX]")]
    device: Option<DeviceName>,
}

impl DeviceArgs {
    /// Opens the chosen device, or the default one.
    pub fn open(&self) -> anyhow::Result<Device> {
        let name = match &self.device {
            Some(name) => name.clone(),
            None => device::default_name().context("this build has no backend at all")?,
        };
        Ok(device::open(&name)?)
    }

    /// The option as it was written, with a leading space; empty if it was not given.
    pub fn repeated(&self) -> String {
        match &self.device {
            Some(name) => format!(" --device {name}"),
            None => String::new(),
        }
    }
}
