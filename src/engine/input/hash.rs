//! Reads an archive only to hash its content.

use std::io::{self, Read};

use super::MAX_LAYERS;
use super::subject::Subject;
use crate::engine::plan::Plan;
use crate::format::archive::ArchiveFormat;
use crate::format::decode::{Budget, Buffers, Decoder};
use crate::model::{InputContent, Sha256};
use crate::source::Archive;

/// The content of an archive with its hash; `None`: it is a container, whose members are hashed
/// when they are read.
///
/// # Errors
/// When it cannot be read to its end.
pub(crate) fn hash_of_content(plan: &Plan, archive: &Archive) -> io::Result<Option<InputContent>> {
    fn read<R: Read>(
        mut content: Decoder<R>,
        subject: &mut Subject,
        plan: &Plan,
    ) -> io::Result<Option<InputContent>> {
        if subject.layers < MAX_LAYERS && content.has_layer() {
            subject.layers += 1;
            let content = content.into_layer(subject.decode_options(plan, None), &mut Buffers::default())?;
            return read(content, subject, plan);
        }
        if ArchiveFormat::detect(content.peek(ArchiveFormat::DETECT_BYTES)).is_some() {
            return Ok(None);
        }
        let mut buffer = vec![0; 256 << 10];
        if content.take_whole().is_none() {
            while content.read(&mut buffer)? > 0 {}
        }
        let sha256 = content.sha256().as_deref().and_then(Sha256::from_hex);
        let has_more_members = content.gzip_members() > 1;
        Ok(Some(InputContent { sha256, is_damaged: false, has_more_members }))
    }

    let mut subject = Subject::of_archive(archive, plan.limits);
    subject.may_be_listed = true;
    let mut options = subject.decode_options(plan, archive.size);
    options.budget = Budget::default();
    let content = Decoder::new(archive.open()?, options, &mut Buffers::default())?;
    read(content, &mut subject, plan)
}
