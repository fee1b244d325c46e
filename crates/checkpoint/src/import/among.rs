/// The names by which `ignore` tells apart tensors that are for one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// Those of the file.
    InFile,
    /// Those without the prefix.
    Plain,
}
