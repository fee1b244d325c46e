use crate::dtype::Dtype;

/// The only globals a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Global {
    /// `collections.OrderedDict`, and the dict that Lightning keeps hyper-parameters in.
    OrderedDict,
    /// `collections.defaultdict`: called with what makes the values that are missing.
    DefaultDict,
    /// `argparse.Namespace` and its like: settings by name, in a dict that BUILD or SETITEMS gives.
    Namespace,
    /// A class of OmegaConf or ml_collections around what its attribute of this name holds.
    Wrapper(&'static str),
    /// A function of torch that makes a tensor of its arguments.
    Rebuild(Rebuild),
    /// `torch.Tensor` and the classes that are no more than it.
    TensorClass,
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

/// The functions that make tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// `torch._utils._rebuild_tensor`: storage, offset, size, stride.
    Tensor,
    /// `torch._utils._rebuild_tensor_v2`: the same, requires_grad, hooks, and perhaps metadata.
    TensorV2,
    /// `torch._utils._rebuild_parameter`: tensor, requires_grad, hooks.
    Parameter,
    /// `torch._utils._rebuild_parameter_with_state`: the same, and Python attributes.
    ParameterWithState,
    /// `torch._tensor._rebuild_from_type_v2`: another of these, a class, its arguments, attributes.
    FromType,
}

impl Rebuild {
    /// What torch calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Rebuild::Tensor => "_rebuild_tensor",
            Rebuild::TensorV2 => "_rebuild_tensor_v2",
            Rebuild::Parameter => "_rebuild_parameter",
            Rebuild::ParameterWithState => "_rebuild_parameter_with_state",
            Rebuild::FromType => "_rebuild_from_type_v2",
        }
    }
}

/// What torch writes for tensors that are no plain arrays of numbers, and what these are.
const UNREAD: &[(&str, &str)] = &[
    ("torch.ComplexDoubleStorage", "a tensor of complex numbers"),
    ("torch.ComplexFloatStorage", "a tensor of complex numbers"),
    ("torch.QInt32Storage", "a quantized tensor"),
    ("torch.QInt8Storage", "a quantized tensor"),
    ("torch.QUInt2x4Storage", "a quantized tensor"),
    ("torch.QUInt4x2Storage", "a quantized tensor"),
    ("torch.QUInt8Storage", "a quantized tensor"),
    (
        "torch._tensor._rebuild_from_type",
        "a tensor in a form of before torch 1.9",
    ),
    (
        "torch._utils._rebuild_device_tensor_from_cpu_tensor",
        "a tensor of another device",
    ),
    (
        "torch._utils._rebuild_device_tensor_from_numpy",
        "a tensor of another device",
    ),
    (
        "torch._utils._rebuild_meta_tensor_no_storage",
        "a tensor on the device `meta`, which has no numbers",
    ),
    ("torch._utils._rebuild_nested_tensor", "a nested tensor"),
    ("torch._utils._rebuild_qtensor", "a quantized tensor"),
    ("torch._utils._rebuild_sparse_csr_tensor", "a sparse tensor"),
    ("torch._utils._rebuild_sparse_tensor", "a sparse tensor"),
    (
        "torch._utils._rebuild_tensor_v3",
        "a tensor of a type without a storage of its own (float8, complex32, unsigned integers)",
    ),
    (
        "torch._utils._rebuild_wrapper_subclass",
        "a tensor of another class",
    ),
    ("torch.storage.UntypedStorage", "a storage without a type"),
];

/// What a global of torch stands for that is known and not read.
pub(super) fn unread(name: &str) -> Option<&'static str> {
    let mut known = UNREAD.iter().filter(|(known, _)| *known == name);
    known.next().map(|(_, what)| *what)
}

/// What a checkpoint's hyper-parameters and loop states are made of.
const INERT: &[&str] = &[
    "UserDict.UserDict",
    "UserList.UserList",
    "__builtin__.bool",
    "__builtin__.bytearray",
    "__builtin__.complex",
    "__builtin__.dict",
    "__builtin__.float",
    "__builtin__.frozenset",
    "__builtin__.int",
    "__builtin__.list",
    "__builtin__.long",
    "__builtin__.object",
    "__builtin__.set",
    "__builtin__.slice",
    "__builtin__.str",
    "__builtin__.tuple",
    "__builtin__.unicode",
    "__builtin__.xrange",
    "box.box.Box",
    "box.box_list.BoxList",
    "builtins.bool",
    "builtins.bytearray",
    "builtins.bytes",
    "builtins.complex",
    "builtins.dict",
    "builtins.float",
    "builtins.frozenset",
    "builtins.int",
    "builtins.list",
    "builtins.object",
    "builtins.range",
    "builtins.set",
    "builtins.slice",
    "builtins.str",
    "builtins.tuple",
    "collections.Counter",
    "collections.UserDict",
    "collections.UserList",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "fractions.Fraction",
    "lightning.pytorch.callbacks.early_stopping.EarlyStopping",
    "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.numeric._frombuffer",
    "numpy.bool",
    "numpy.bool_",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.numeric._frombuffer",
    "numpy.float16",
    "numpy.float32",
    "numpy.float64",
    "numpy.int16",
    "numpy.int32",
    "numpy.int64",
    "numpy.int8",
    "numpy.ndarray",
    "numpy.str_",
    "numpy.uint16",
    "numpy.uint32",
    "numpy.uint64",
    "numpy.uint8",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.listconfig.ListConfig",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "pathlib._local.Path",
    "pathlib._local.PosixPath",
    "pathlib._local.PurePath",
    "pathlib._local.PurePosixPath",
    "pathlib._local.PureWindowsPath",
    "pathlib._local.WindowsPath",
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "torch.Size",
    "torch.bfloat16",
    "torch.bool",
    "torch.complex128",
    "torch.complex64",
    "torch.device",
    "torch.float16",
    "torch.float32",
    "torch.float64",
    "torch.int16",
    "torch.int32",
    "torch.int64",
    "torch.int8",
    "torch.serialization._get_layout",
    "torch.torch_version.TorchVersion",
    "torch.uint8",
    "typing.Any",
    "uuid.UUID",
];

impl Global {
    /// `None`: not on the list.
    pub(super) fn named(name: &str) -> Option<Global> {
        Some(match name {
            "collections.OrderedDict"
            | "lightning.fabric.utilities.data.AttributeDict"
            | "lightning.pytorch.utilities.parsing.AttributeDict"
            | "lightning_fabric.utilities.data.AttributeDict"
            | "pytorch_lightning.utilities.parsing.AttributeDict" => Global::OrderedDict,
            "collections.defaultdict" => Global::DefaultDict,
            "addict.addict.Dict"
            | "argparse.Namespace"
            | "easydict.EasyDict"
            | "munch.Munch"
            | "types.SimpleNamespace" => Global::Namespace,
            "ml_collections.config_dict.config_dict.ConfigDict"
            | "ml_collections.config_dict.config_dict.FrozenConfigDict" => {
                Global::Wrapper("_fields")
            }
            "omegaconf.dictconfig.DictConfig" => Global::Wrapper("_content"),
            "omegaconf.nodes.AnyNode"
            | "omegaconf.nodes.BooleanNode"
            | "omegaconf.nodes.FloatNode"
            | "omegaconf.nodes.IntegerNode"
            | "omegaconf.nodes.StringNode" => Global::Wrapper("_val"),
            "numpy.dtype" => Global::NumpyType,
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => Global::NumpyScalar,
            "_codecs.encode" => Global::Encode,
            "torch._utils._rebuild_tensor" => Global::Rebuild(Rebuild::Tensor),
            "torch._utils._rebuild_tensor_v2" => Global::Rebuild(Rebuild::TensorV2),
            "torch._utils._rebuild_parameter" => Global::Rebuild(Rebuild::Parameter),
            "torch._utils._rebuild_parameter_with_state" => {
                Global::Rebuild(Rebuild::ParameterWithState)
            }
            "torch._tensor._rebuild_from_type_v2" => Global::Rebuild(Rebuild::FromType),
            "torch.Tensor" | "torch.nn.parameter.Buffer" | "torch.nn.parameter.Parameter" => {
                Global::TensorClass
            }
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
        for inert in [
            "pathlib._local.PosixPath",
            "datetime.datetime",
            "collections.deque",
        ] {
            assert!(
                matches!(Global::named(inert), Some(Global::Inert(_))),
                "{inert}"
            );
        }
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
