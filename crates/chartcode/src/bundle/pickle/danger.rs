//! Names that only a file meant to harm asks for. Nothing is ever called, so that these could do
//! nothing here; but whoever opens such a file should learn what it would have done elsewhere.

/// Modules whose every function reaches the system or runs code.
const MODULES: [&str; 19] = [
    "bdb",
    "code",
    "commands",
    "ctypes",
    "importlib",
    "marshal",
    "nt",
    "os",
    "pdb",
    "popen2",
    "posix",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "timeit",
    "webbrowser",
];

/// Functions of the language itself that run code or reach what could.
const BUILTINS: [&str; 17] = [
    "__import__",
    "apply",
    "breakpoint",
    "compile",
    "delattr",
    "eval",
    "exec",
    "execfile",
    "exit",
    "file",
    "getattr",
    "globals",
    "input",
    "locals",
    "open",
    "reload",
    "setattr",
];

/// Attributes by which one function leads to all others.
const HOOKS: [&str; 3] = ["__builtins__", "__globals__", "__subclasses__"];

/// Whether naming `name` of `module` is reason to refuse the file. A dotted name walks through
/// other modules (`torch.serialization` has an `os.system`), so each step counts.
pub(super) fn is_dangerous(module: &str, name: &str) -> bool {
    let parent = module.split_once('.').map_or(module, |(parent, _)| parent);
    if MODULES.contains(&parent) {
        return true;
    }
    let first = name.split_once('.').map_or(name, |(first, _)| first);
    match module {
        "builtins" | "__builtin__" | "__builtins__" if BUILTINS.contains(&first) => return true,
        "types" if matches!(first, "CodeType" | "FunctionType") => return true,
        _ => {}
    }
    let Some((path, last)) = name.rsplit_once('.') else { return false };
    path.split('.').any(|step| MODULES.contains(&step) || HOOKS.contains(&step))
        || HOOKS.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::is_dangerous;

    #[test]
    fn what_runs_code_is_dangerous_and_what_checkpoints_hold_is_not() {
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("nt", "system"),
            ("importlib.util", "find_spec"),
            ("subprocess", "Popen"),
            ("builtins", "eval"),
            ("__builtin__", "getattr"),
            ("builtins", "exec.__call__"),
            ("torch.serialization", "os.system"),
            ("types", "CodeType"),
        ] {
            assert!(is_dangerous(module, name), "{module}.{name}");
        }
        for (module, name) in [
            ("torch._utils", "_rebuild_tensor_v2"),
            ("collections", "OrderedDict"),
            ("builtins", "set"),
            ("posixpath", "join"),
            ("codecs", "encode"),
            ("my.code", "Model"),
            ("ossa", "Model"),
            ("package", "Outer.Inner"),
        ] {
            assert!(!is_dangerous(module, name), "{module}.{name}");
        }
    }
}
