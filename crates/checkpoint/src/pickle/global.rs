use crate::dtype::Dtype;

/// The only globals a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Global {
    /// `collections.OrderedDict`: a dict.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`: its first argument.
    RebuildParameter,
    /// `torch.FloatStorage` and its like.
    Storage(Dtype),
    /// `numpy.dtype`: the type of a scalar, if it is a number's.
    NumpyType,
    /// `numpy.core.multiarray.scalar`: a number, if its type is one.
    NumpyScalar,
    /// `_codecs.encode`: how protocol 2 writes bytes.
    Encode,
    /// Harmless in a checkpoint's settings. Instances are remembered as "one of these", whatever
    /// they are given, and hold nothing.
    Inert(&'static str),
}

/// What a checkpoint's hyper-parameters and loop states are made of.
const INERT: &[&str] = &[
    "__builtin__.set",
    "argparse.Namespace",
    "builtins.bool",
    "builtins.complex",
    "builtins.dict",
    "builtins.float",
    "builtins.frozenset",
    "builtins.int",
    "builtins.list",
    "builtins.set",
    "builtins.slice",
    "builtins.str",
    "builtins.tuple",
    "collections.defaultdict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray._reconstruct",
    "numpy.ndarray",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "torch.Size",
    "torch.bfloat16",
    "torch.bool",
    "torch.device",
    "torch.float16",
    "torch.float32",
    "torch.float64",
    "torch.int32",
    "torch.int64",
];

impl Global {
    /// `None`: not on the list.
    pub(super) fn named(name: &str) -> Option<Global> {
        Some(match name {
            "collections.OrderedDict" => Global::OrderedDict,
            "numpy.dtype" => Global::NumpyType,
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => Global::NumpyScalar,
            "_codecs.encode" => Global::Encode,
            "torch._utils._rebuild_tensor_v2" => Global::RebuildTensor,
            "torch._utils._rebuild_parameter" => Global::RebuildParameter,
            "torch.DoubleStorage" => Global::Storage(Dtype::F64),
            "torch.FloatStorage" => Global::Storage(Dtype::F32),
            "torch.HalfStorage" => Global::Storage(Dtype::F16),
            "torch.BFloat16Storage" => Global::Storage(Dtype::Bf16),
            "torch.LongStorage" => Global::Storage(Dtype::I64),
            "torch.IntStorage" => Global::Storage(Dtype::I32),
            "torch.ShortStorage" => Global::Storage(Dtype::I16),
            "torch.CharStorage" => Global::Storage(Dtype::I8),
            "torch.ByteStorage" => Global::Storage(Dtype::U8),
            "torch.BoolStorage" => Global::Storage(Dtype::Bool),
            other => {
                let at = INERT.binary_search(&other).ok()?;
                Global::Inert(INERT[at])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_closed() {
        assert!(INERT.is_sorted());
        assert_eq!(
            Global::named("torch.Size"),
            Some(Global::Inert("torch.Size"))
        );
        for forbidden in [
            "posix.system",
            "builtins.eval",
            "builtins.getattr",
            "torch.load",
            "os.system",
        ] {
            assert_eq!(Global::named(forbidden), None);
        }
    }
}
