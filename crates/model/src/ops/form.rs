//! Which form of an operation runs: its kernel, or what is composed of candle's operations.

use std::cell::Cell;

use candle_core::Device;

thread_local! {
    static COMPOSED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with every operation composed of candle's and candle-nn's, on this thread: what kernels are held
/// against. No setting of a run leads here.
pub fn in_composed_form<R>(work: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            COMPOSED.set(self.0);
        }
    }
    let _before = Before(COMPOSED.replace(true));
    work()
}

/// Whether operations on `device` run as the kernels of a CPU.
pub(crate) fn has_cpu_kernels(device: &Device) -> bool {
    device.is_cpu() && has_kernels(device)
}

/// Whether operations on `device` run as kernels.
pub(crate) fn has_kernels(device: &Device) -> bool {
    let known = device.is_cpu() || (cfg!(feature = "cuda") && device.is_cuda());
    known && !COMPOSED.get()
}
