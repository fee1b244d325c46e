//! The devices of a run, and which of them are free.

/// GPUs hold one stage at a time; the CPU is shared by as many stages as there are threads for.
pub(super) struct Devices {
    /// GPUs in the order in which the run names them, and whether a stage has each; none: the CPU.
    gpus: Vec<(String, bool)>,
}

/// Where stages compute that ask for no device, and all stages of a run without GPUs.
pub(super) const CPU: &str = "cpu";

impl Devices {
    /// Those of a list as [`device`](super::options::RunOptions::device) holds it.
    pub(super) fn named(list: &str) -> Self {
        let names = list.split(',').filter(|name| *name != CPU);
        Self {
            gpus: names.map(|name| (name.to_string(), false)).collect(),
        }
    }

    /// How many stages more may have one now.
    pub(super) fn free(&self) -> usize {
        match self.gpus.is_empty() {
            true => usize::MAX,
            false => self.gpus.iter().filter(|(_, taken)| !taken).count(),
        }
    }

    /// One for a stage: of those that are free the first. None if there is none.
    pub(super) fn take(&mut self) -> Option<String> {
        if self.gpus.is_empty() {
            return Some(CPU.into());
        }
        let (name, taken) = self.gpus.iter_mut().find(|(_, taken)| !*taken)?;
        *taken = true;
        Some(name.clone())
    }

    /// Takes back what a stage had.
    pub(super) fn give_back(&mut self, device: &str) {
        for (name, taken) in &mut self.gpus {
            *taken &= name != device;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gpu_is_given_to_one_stage_until_it_comes_back() {
        let mut devices = Devices::named("cuda:1,cuda:0");
        let taken = [devices.take(), devices.take(), devices.take()];
        assert_eq!(taken, [Some("cuda:1".into()), Some("cuda:0".into()), None]);
        assert_eq!(devices.free(), 0);
        devices.give_back(CPU);
        assert_eq!(devices.free(), 0);
        devices.give_back("cuda:0");
        assert_eq!((devices.free(), devices.take()), (1, Some("cuda:0".into())));
    }

    #[test]
    fn the_cpu_is_given_to_any_number_of_stages() {
        let mut devices = Devices::named("cpu");
        for _ in 0..3 {
            assert_eq!(devices.take().as_deref(), Some(CPU));
        }
        assert!(devices.free() > 1000);
    }
}
