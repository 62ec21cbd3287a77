//! From fanotify to what was done to files below the watched folders: opened, closed after a write.
//!
//! Sees every file of a mount and leaves out what is elsewhere. Reads the first
//! [`BEGIN_BYTES`] of a file that was written, to know an archive. Takes root. The kernel holds
//! 16,384 events and says when it dropped some.

use crate::endpoint::format;
use crate::endpoint::report::{Archive, FileActivity};
use anyhow::Context;
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, InitFlags, MarkFlags, MaskFlags};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A tar archive says what it is by then.
const BEGIN_BYTES: usize = 512;

/// Hears of files below some paths.
pub(super) struct Files {
    fanotify: Fanotify,
    /// As the kernel names them.
    below: Vec<PathBuf>,
    own: i32,
}

/// Something was done to a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Touched {
    pub pid: u32,
    pub activity: FileActivity,
    pub path: Box<str>,
    pub size: Option<u64>,
    pub archive: Option<Archive>,
}

impl Files {
    /// Watches all that is at or below `paths`.
    ///
    /// # Errors
    /// A path that is not there, or a user who may not watch.
    pub fn open(paths: &[PathBuf]) -> anyhow::Result<Files> {
        let init = InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC;
        let event = EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC | EventFFlags::O_LARGEFILE;
        let fanotify =
            Fanotify::init(init, event).context("files cannot be watched; --watch takes root")?;
        let mut below = Vec::new();
        for path in paths {
            let told = || format!("{} cannot be watched", path.display());
            let path = fs::canonicalize(path).with_context(told)?;
            let mark = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_MOUNT;
            let mask = MaskFlags::FAN_OPEN | MaskFlags::FAN_CLOSE_WRITE;
            (fanotify.mark(mark, mask, AT_FDCWD, Some(path.as_path()))).with_context(told)?;
            below.push(path);
        }
        Ok(Files {
            fanotify,
            below,
            own: std::process::id().cast_signed(),
        })
    }

    /// Waits for the next events; those that are elsewhere are left out.
    ///
    /// # Errors
    /// `ENOBUFS` where some were lost.
    pub fn next(&mut self) -> io::Result<Vec<Touched>> {
        let events = self.fanotify.read_events()?;
        if events.iter().any(|event| event.fd().is_none()) {
            return Err(io::Error::from_raw_os_error(Errno::ENOBUFS as i32));
        }
        Ok(events
            .iter()
            .flat_map(|event| self.touched(event))
            .collect())
    }

    fn touched(&self, event: &FanotifyEvent) -> Vec<Touched> {
        let link = |fd: i32| fs::read_link(format!("/proc/self/fd/{fd}")).ok();
        let Some((fd, path)) = event.fd().and_then(|fd| Some((fd, link(fd.as_raw_fd())?))) else {
            return Vec::new();
        };
        let is_below = self.below.iter().any(|below| path.starts_with(below));
        if !is_below || event.pid() == self.own || event.pid() <= 0 {
            return Vec::new();
        }
        let touched = |activity, size, archive| Touched {
            pid: event.pid().cast_unsigned(),
            activity,
            path: path.to_string_lossy().into(),
            size,
            archive,
        };
        let mut all = Vec::new();
        if event.mask().contains(MaskFlags::FAN_OPEN) {
            all.push(touched(FileActivity::Open, None, None));
        }
        if event.mask().contains(MaskFlags::FAN_CLOSE_WRITE) {
            let file = fd.try_clone_to_owned().map(File::from).ok();
            let size = file
                .as_ref()
                .and_then(|file| Some(file.metadata().ok()?.len()));
            let mut begin = [0; BEGIN_BYTES];
            let length = file.map_or(0, |file| file.read_at(&mut begin, 0).unwrap_or(0));
            let begin = begin.get(..length).unwrap_or_default();
            let archive = format::archive_of_file(&path.to_string_lossy(), begin);
            all.push(touched(FileActivity::Update, size, archive));
        }
        all
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::endpoint::report::ArchiveBasis;
    use std::process::Command;

    #[test]
    fn an_archive_below_the_folder_is_told_with_who_wrote_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = match Files::open(&[folder.path().to_owned()]) {
            Ok(files) => files,
            Err(error) => return println!("skipped: {error:#}"),
        };
        fs::write(folder.path().join("own"), "x").unwrap();
        let mut tar = Command::new("tar")
            .args(["-cf", "made", "own"])
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        tar.wait().unwrap();
        let made = folder.path().canonicalize().unwrap().join("made");
        let written = loop {
            let touched = files.next().unwrap();
            assert!(touched.iter().all(|touched| touched.pid == tar.id()));
            let is_written = |touched: &Touched| touched.activity == FileActivity::Update;
            if let Some(written) = touched.into_iter().find(is_written) {
                break written;
            }
        };
        assert_eq!(Some(&*written.path), made.to_str());
        assert_eq!(written.size, Some(10_240));
        let archive = Archive {
            kind: "tar".into(),
            basis: ArchiveBasis::Magic,
        };
        assert_eq!(written.archive, Some(archive));
        assert!(Files::open(&[folder.path().join("nothing")]).is_err());
    }
}
