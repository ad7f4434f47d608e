//! Why a checkpoint could not be read, one variant a cause.

/// Why bytes are not a checkpoint this engine reads. Positions are bytes from the file's start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// Neither a zip archive nor the form of PyTorch before 1.6.
    #[error("not a PyTorch checkpoint: neither a zip archive nor the form written before 1.6")]
    NotACheckpoint,

    /// The zip archive itself cannot be read.
    #[error("the checkpoint's zip archive cannot be read")]
    Zip(#[source] zip::result::ZipError),

    /// A zip archive of something else.
    #[error("a zip archive without a data.pkl: not a PyTorch checkpoint")]
    NoPickle,

    /// A compiled program.
    #[error("holds a TorchScript program, not a state dict; save model.state_dict()")]
    TorchScript,

    /// The archive was packed again by something other than PyTorch.
    #[error(
        "{entry} is compressed or encrypted, which PyTorch never does; pack the archive again \
         without compression"
    )]
    Packed {
        /// The entry's name in the archive.
        entry: String,
    },

    /// The archive names bytes the file does not have.
    #[error("{entry} reaches beyond the file's end: the file was cut")]
    Outside {
        /// The entry's name in the archive, or the storage's key.
        entry: String,
    },

    /// Written on a big-endian machine.
    #[error("written on a big-endian machine; save it again on a little-endian one")]
    BigEndian,

    /// The entry `byteorder` says neither little nor big.
    #[error("the byte order is {found:?}, which is neither little nor big")]
    ByteOrder {
        /// What the entry says, cut to a few letters.
        found: String,
    },

    /// The form before 1.6 with a version number never written.
    #[error("a checkpoint of the form before PyTorch 1.6, but not of its version 1001")]
    LegacyVersion,

    /// The file ends in the middle of something.
    #[error("the file ends in the middle of the pickle, at byte {at}")]
    Truncated {
        /// Where the missing bytes should start.
        at: usize,
    },

    /// An opcode no PyTorch writes.
    #[error("byte {at} is {opcode:#04x}, which is no pickle opcode that checkpoints use")]
    Opcode {
        /// The opcode.
        opcode: u8,
        /// Where it stands.
        at: usize,
    },

    /// An opcode whose operands make no sense.
    #[error("malformed pickle at byte {at}: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where the opcode stands.
        at: usize,
    },

    /// The file names a function that has no place in a checkpoint.
    #[error("the file asks to call {name}: it is not a checkpoint; refuse it")]
    Dangerous {
        /// Module and function.
        name: String,
    },

    /// More values than a checkpoint can need, or the same ones named over and over.
    #[error("the file describes more than {limit} {what}: it is not a checkpoint")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },

    /// Containers nested without end, as when one holds itself.
    #[error("values are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },

    /// `torch.save(model)` instead of `torch.save(model.state_dict())`.
    #[error(
        "holds a whole Python object of class {class}, not a state dict; save model.state_dict()"
    )]
    WholeObject {
        /// Module and name of the class.
        class: String,
    },

    /// A storage class this engine has not heard of, whose element size is thus unknown.
    #[error("storages of class {name} are not known")]
    StorageClass {
        /// Module and name of the class.
        name: String,
    },

    /// A tensor's storage is not in the file.
    #[error("{path}: its storage {key:?} is not in the file")]
    NoStorage {
        /// The tensor's path.
        path: String,
        /// The storage's key.
        key: String,
    },

    /// A tensor's elements, or its part of a storage, do not lie within the storage.
    #[error("{path}: its elements reach beyond its storage of {bytes} bytes")]
    OutOfStorage {
        /// The tensor's path.
        path: String,
        /// The storage's size in bytes.
        bytes: usize,
    },

    /// A tensor of repeated elements (stride 0) that would take more memory than the whole file.
    #[error("{path}: shape {shape:?} holds more bytes than the whole file")]
    Repeated {
        /// The tensor's path.
        path: String,
        /// Its shape.
        shape: Vec<usize>,
    },

    /// Two tensors have the same dotted path.
    #[error("{path} stands twice in the file")]
    Twice {
        /// The path.
        path: String,
    },

    /// The bytes given for a tensor's elements are not those of the file that was read.
    #[error("{path}: the file has changed since it was opened")]
    Changed {
        /// The tensor's path.
        path: String,
    },
}

/// The result of every fallible call of this module.
pub(crate) type Result<T, E = PickleError> = std::result::Result<T, E>;
