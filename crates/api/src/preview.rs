//! What can be shown of a file: the start of a text, or a small picture.
//!
//! Told by the bytes, never by the name. SVG is shown as text: it could carry a script.

use crate::dto::snapshot::{FilePreview, PreviewKind};
use crate::numbers::Count;
use base64::Engine as _;

/// Bytes of text that are shown unless more is asked for.
pub(crate) const TEXT_USUAL_BYTES: usize = 64 << 10;
/// Bytes of text at most.
pub(crate) const TEXT_LIMIT_BYTES: usize = 1 << 20;
/// The largest picture that is shown.
pub(crate) const PICTURE_LIMIT_BYTES: u64 = 8 << 20;

/// The kind of picture that bytes begin.
pub(crate) fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some("image/bmp"),
        _ => None,
    }
}

/// The text that bytes begin, if they are text: UTF-8 (cut anywhere) or UTF-16 with its mark.
pub(crate) fn text_of(bytes: &[u8], is_cut: bool) -> Option<String> {
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return utf16(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // The last character may be cut in half.
        Err(error) if is_cut && error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())?
        }
        Err(_) => return None,
    };
    let is_text = |character: char| {
        !character.is_control() || matches!(character, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}')
    };
    text.chars().all(is_text).then(|| text.to_owned())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit)).collect();
    let text = String::from_utf16_lossy(&units);
    (!text.contains('\0')).then_some(text)
}

fn nothing(kind: PreviewKind, size_bytes: u64) -> FilePreview {
    FilePreview {
        kind,
        text: None,
        base64: None,
        media_type: None,
        size_bytes: Count(size_bytes),
        truncated: size_bytes > 0,
    }
}

/// The preview of a file that begins with these bytes; `whole` reads all of it.
pub(crate) fn preview<E>(
    start: &[u8],
    size_bytes: u64,
    whole: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<FilePreview, E> {
    if size_bytes == 0 {
        return Ok(nothing(PreviewKind::Empty, 0));
    }
    if let Some(media_type) = picture_type(start) {
        if size_bytes > PICTURE_LIMIT_BYTES {
            return Ok(nothing(PreviewKind::TooLarge, size_bytes));
        }
        let base64 = base64::engine::general_purpose::STANDARD.encode(whole()?);
        return Ok(FilePreview {
            base64: Some(base64),
            media_type: Some(media_type.to_owned()),
            truncated: false,
            ..nothing(PreviewKind::Picture, size_bytes)
        });
    }
    let is_cut = (start.len() as u64) < size_bytes;
    Ok(match text_of(start, is_cut) {
        Some(text) => {
            FilePreview { text: Some(text), truncated: is_cut, ..nothing(PreviewKind::Text, size_bytes) }
        }
        None => nothing(PreviewKind::Binary, size_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8], size_bytes: u64) -> FilePreview {
        preview(bytes, size_bytes, || Ok::<_, ()>(bytes.to_vec())).unwrap()
    }

    #[test]
    fn text_pictures_and_the_rest_are_told_apart() {
        assert_eq!(of(b"", 0).kind, PreviewKind::Empty);
        let text = of("grün\n".as_bytes(), 6);
        assert_eq!(
            (text.kind, text.text.as_deref(), text.truncated),
            (PreviewKind::Text, Some("grün\n"), false)
        );
        assert_eq!(of(b"a\0b", 3).kind, PreviewKind::Binary);
        assert_eq!(of(b"\xff\xd8\xff\xe0 and so on", 100).media_type.as_deref(), Some("image/jpeg"));
        assert_eq!(of(b"\xff\xd8\xff\xe0", PICTURE_LIMIT_BYTES + 1).kind, PreviewKind::TooLarge);
        assert_eq!(of(b"<svg onload='x()'/>", 19).kind, PreviewKind::Text);
        assert_eq!(of(b"\xff\xfea\0b\0", 6).text.as_deref(), Some("ab"));
    }

    #[test]
    fn a_character_cut_in_half_does_not_make_a_text_binary() {
        let bytes = "grün".as_bytes();
        let cut = of(&bytes[..3], 5);
        assert_eq!((cut.kind, cut.text.as_deref(), cut.truncated), (PreviewKind::Text, Some("gr"), true));
        assert_eq!(of(&bytes[..3], 3).kind, PreviewKind::Binary);
    }
}
