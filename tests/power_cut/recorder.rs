//! Takes the log of what a traced program does to the files below a folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use libc::{c_int, pid_t, user_regs_struct};

use super::log::{Found, Id, Kind, Log, Naming, ROOT, Step, Tree, read, tree};
use crate::tracing::{Turn, Watcher};

/// Device and inode.
type Place = (u64, u64);

pub struct Recorder {
    pub log: Log,
    /// Calls that change files and are not understood.
    pub unknown: Vec<String>,
    ids: BTreeMap<Place, Id>,
    names: BTreeMap<(Id, PathBuf), Id>,
    root: PathBuf,
}

impl Recorder {
    /// What is below `root` is there to stay.
    pub fn new(root: &Path) -> Self {
        let mut recorder = Recorder {
            log: Log::default(),
            unknown: Vec::new(),
            ids: BTreeMap::new(),
            names: BTreeMap::new(),
            root: root.to_path_buf(),
        };
        assert_eq!(recorder.made(root, Kind::Folder), ROOT);
        for (path, found) in read(root) {
            let at = root.join(&path);
            let kind = match &found {
                Found::Folder => Kind::Folder,
                Found::Link(target) => Kind::Link(target.clone()),
                Found::File(..) => Kind::File,
            };
            let known = place(&at).and_then(|place| recorder.ids.get(&place).copied());
            let id = known.unwrap_or_else(|| recorder.made(&at, kind));
            let (folder, name) = recorder.name(&at).expect("its folder comes first");
            recorder.rename(&[((folder, name), Some(id))]);
            if let Found::File(bytes, _) = found {
                recorder.push(Step::Write {
                    file: id,
                    at: 0,
                    bytes,
                });
            }
        }
        recorder.push(Step::SyncAll);
        recorder.log.before = recorder.log.steps.len();
        recorder
    }

    /// The folder as the log has it.
    pub fn tree(&self) -> Tree {
        let mut bytes: BTreeMap<Id, Vec<u8>> = BTreeMap::new();
        for step in &self.log.steps {
            if let Some(file) = step.file() {
                step.apply(bytes.entry(file).or_default());
            }
        }
        tree(&self.log.kinds, &self.names, &bytes)
    }

    fn push(&mut self, step: Step) {
        self.log.steps.push(step);
    }

    /// Something new, which lies at `path`.
    fn made(&mut self, path: &Path, kind: Kind) -> Id {
        let id = self.log.kinds.len();
        self.log.kinds.push(kind);
        let place = place(path).expect("it was made just now");
        self.ids.insert(place, id);
        id
    }

    /// The folder that a path is in, if it is one of ours, and its name there.
    fn name(&self, path: &Path) -> Option<(Id, PathBuf)> {
        let folder = fs::metadata(path.parent()?).ok()?;
        let folder = self.ids.get(&(folder.dev(), folder.ino()))?;
        Some((*folder, path.file_name()?.into()))
    }

    fn rename(&mut self, changes: &[((Id, PathBuf), Option<Id>)]) {
        let mut namings = Vec::new();
        for (at, to) in changes {
            let from = match to {
                Some(id) => self.names.insert(at.clone(), *id),
                None => self.names.remove(at),
            };
            let (folder, name) = at.clone();
            namings.push(Naming {
                folder,
                name,
                to: *to,
                from,
            });
        }
        self.push(Step::Names(namings));
    }

    /// A new name, if it lies below the root, for something new.
    fn appears(&mut self, path: &Path, kind: Kind) {
        if let Some(at) = self.name(path) {
            let id = self.made(path, kind);
            self.rename(&[(at, Some(id))]);
        }
    }

    fn opened(&mut self, call: &Call, path: &Path, flags: u64) {
        let flags = flags as c_int;
        if flags & libc::O_TMPFILE == libc::O_TMPFILE {
            return;
        }
        let Some(at) = self.name(path) else { return };
        match self.names.get(&at).copied() {
            None if flags & libc::O_CREAT != 0 => self.appears(path, Kind::File),
            Some(file) if flags & libc::O_TRUNC != 0 => self.push(Step::Resize { file, length: 0 }),
            Some(_) => {}
            None => assert!(!path.exists(), "{call:?}: {} appeared", path.display()),
        }
    }

    /// Bytes were written to an open file, at `at` or before where it stands now.
    fn written(&mut self, call: &Call, descriptor: u64, at: Option<u64>) {
        let Some(file) = self.open_file(call, descriptor) else {
            return;
        };
        let mut bytes = vec![0; call.result as usize];
        let at = at.unwrap_or_else(|| call.position(descriptor) - bytes.len() as u64);
        let open = File::open(call.descriptor(descriptor)).expect("it can be read");
        open.read_exact_at(&mut bytes, at)
            .expect("what was written");
        let at = at as usize;
        self.push(Step::Write { file, at, bytes });
    }

    fn open_file(&self, call: &Call, descriptor: u64) -> Option<Id> {
        let found = fs::metadata(call.descriptor(descriptor)).ok()?;
        self.ids.get(&(found.dev(), found.ino())).copied()
    }

    fn moved(&mut self, from: &Path, to: &Path, keeps: bool) {
        let [from, to] = [from, to].map(|path| self.name(path));
        let known = from.as_ref().and_then(|from| self.names.get(from).copied());
        match (from, to, known) {
            (Some(_), Some(to), Some(id)) if keeps => self.rename(&[(to, Some(id))]),
            (Some(from), Some(to), Some(id)) => self.rename(&[(from, None), (to, Some(id))]),
            (None, None, _) => {}
            (from, to, _) => self.unknown.push(format!("{from:?} becomes {to:?}")),
        }
    }

    fn removed(&mut self, path: &Path) {
        if let Some(at) = self.name(path) {
            self.rename(&[(at, None)]);
        }
    }

    fn note(&mut self, call: &Call) {
        let [one, two, three, four, _] = call.arguments;
        match call.number {
            libc::SYS_open => self.opened(call, &call.path(None, one), two),
            libc::SYS_openat => self.opened(call, &call.path(Some(one), two), three),
            libc::SYS_write | libc::SYS_writev => self.written(call, one, None),
            libc::SYS_pwrite64 | libc::SYS_pwritev => self.written(call, one, Some(four)),
            libc::SYS_sendfile => self.written(call, one, None),
            libc::SYS_copy_file_range if four == 0 => self.written(call, three, None),
            libc::SYS_ftruncate => {
                if let Some(file) = self.open_file(call, one) {
                    let length = two as usize;
                    self.push(Step::Resize { file, length });
                }
            }
            libc::SYS_fsync | libc::SYS_fdatasync => {
                if let Some(id) = self.open_file(call, one) {
                    self.push(Step::Sync(id));
                }
            }
            libc::SYS_sync | libc::SYS_syncfs => self.push(Step::SyncAll),
            libc::SYS_mkdir => self.appears(&call.path(None, one), Kind::Folder),
            libc::SYS_mkdirat => self.appears(&call.path(Some(one), two), Kind::Folder),
            libc::SYS_symlink => {
                let target = Kind::Link(call.text(one));
                self.appears(&call.path(None, two), target);
            }
            libc::SYS_symlinkat => {
                let target = Kind::Link(call.text(one));
                self.appears(&call.path(Some(two), three), target);
            }
            libc::SYS_unlink | libc::SYS_rmdir => self.removed(&call.path(None, one)),
            libc::SYS_unlinkat => self.removed(&call.path(Some(one), two)),
            libc::SYS_rename => self.moved(&call.path(None, one), &call.path(None, two), false),
            libc::SYS_link => self.moved(&call.path(None, one), &call.path(None, two), true),
            libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => {
                let (from, to) = (call.path(Some(one), two), call.path(Some(three), four));
                self.moved(&from, &to, call.number == libc::SYS_linkat);
            }
            _ => self.doubt(call),
        }
    }

    /// A call that would have to be understood if it were about our files.
    fn doubt(&mut self, call: &Call) {
        let [one, _, three, four, five] = call.arguments;
        let descriptor = match call.number {
            libc::SYS_mmap => {
                let shared = four as c_int & libc::MAP_SHARED != 0;
                let written = three as c_int & libc::PROT_WRITE != 0;
                (shared && written).then_some(five)
            }
            libc::SYS_copy_file_range => Some(three),
            libc::SYS_splice => Some(three),
            _ => Some(one),
        };
        if descriptor.is_some_and(|descriptor| self.open_file(call, descriptor).is_some()) {
            self.unknown.push(format!("{call:?}"));
        }
    }
}

/// Calls that change files, and say so by what they return.
const CALLS: [i64; 30] = [
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_copy_file_range,
    libc::SYS_ftruncate,
    libc::SYS_truncate,
    libc::SYS_fallocate,
    libc::SYS_mmap,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync,
    libc::SYS_syncfs,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_symlink,
    libc::SYS_symlinkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
];

impl Watcher for Recorder {
    fn begins(&mut self, thread: pid_t, registers: &mut user_regs_struct) -> Turn {
        let call = Call::of(thread, registers);
        let descriptor = match call.number {
            libc::SYS_write | libc::SYS_writev => call.arguments[0],
            libc::SYS_sendfile => call.arguments[0],
            libc::SYS_splice => call.arguments[2],
            number if CALLS.contains(&number) => return Turn::Alone,
            _ => return Turn::Passes,
        };
        // A write to a pipe may wait for another thread.
        match self.open_file(&call, descriptor) {
            Some(_) => Turn::Alone,
            None => Turn::Passes,
        }
    }

    fn ends(&mut self, thread: pid_t, registers: &mut user_regs_struct) {
        let call = Call::of(thread, registers);
        // What failed did nothing; what is mapped returns an address.
        if call.result >= 0 && (call.number != libc::SYS_write || call.result > 0) {
            self.note(&call);
        }
        assert!(self.root.is_dir());
    }
}

#[derive(Debug)]
struct Call {
    thread: pid_t,
    number: i64,
    arguments: [u64; 5],
    result: i64,
}

impl Call {
    fn of(thread: pid_t, registers: &user_regs_struct) -> Self {
        let user_regs_struct {
            rdi,
            rsi,
            rdx,
            r10,
            r8,
            ..
        } = *registers;
        Call {
            thread,
            number: registers.orig_rax.cast_signed(),
            arguments: [rdi, rsi, rdx, r10, r8],
            result: registers.rax.cast_signed(),
        }
    }

    fn proc(&self, what: &str) -> PathBuf {
        format!("/proc/{}/{what}", self.thread).into()
    }

    fn descriptor(&self, number: u64) -> PathBuf {
        self.proc(&format!("fd/{}", number as c_int))
    }

    /// A path, of which a relative one begins at a folder that is open, or where the thread is.
    fn path(&self, folder: Option<u64>, address: u64) -> PathBuf {
        let base = match folder.filter(|folder| *folder as c_int != libc::AT_FDCWD) {
            Some(folder) => self.descriptor(folder),
            None => self.proc("cwd"),
        };
        let base = fs::read_link(base).unwrap_or_default();
        base.join(self.text(address))
    }

    /// A text in the thread's memory.
    fn text(&self, address: u64) -> PathBuf {
        let memory = File::open(self.proc("mem")).expect("its memory");
        let mut text = Vec::new();
        let mut piece = [0; 256];
        loop {
            let from = address + text.len() as u64;
            let read = memory.read_at(&mut piece, from).expect("a text");
            let end = piece[..read].iter().position(|byte| *byte == 0);
            text.extend(&piece[..end.unwrap_or(read)]);
            if end.is_some() || read == 0 {
                return String::from_utf8(text).expect("UTF-8").into();
            }
        }
    }

    /// Where an open file stands.
    fn position(&self, descriptor: u64) -> u64 {
        let about = fs::read_to_string(self.proc(&format!("fdinfo/{}", descriptor as c_int)));
        let about = about.expect("it is open");
        let position = about.lines().find_map(|line| line.strip_prefix("pos:"));
        let position = position.expect("a position").trim();
        position.parse().expect("a number")
    }
}

fn place(path: &Path) -> Option<Place> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
