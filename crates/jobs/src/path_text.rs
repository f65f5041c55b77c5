//! Paths as they cross to JSON: a text that gives back every byte, and one for people beside it.
//!
//! File names are bytes; JSON holds only text. The form used here: a path stays as it is where it is printable UTF-8;
//! `%`, control characters and every byte that is not part of valid UTF-8 become `%` and two hexadecimal digits. So
//! `Bilder/100%.png` is sent as `Bilder/100%25.png`, and a lone byte FF as `%FF`. Text a person typed has to go
//! through `pathFromText` (commands.ts) first, which escapes its `%`.
//!
//! Invariants: `decode(encode(bytes)) == bytes` for all bytes; `encode` is the only form `decode` has to accept, but
//! `decode` takes any escaped byte. On Windows the bytes are WTF-8. Deliberately not here: what a path may be.

use std::path::PathBuf;

/// The form for people: what is not UTF-8 is replaced, what can not be seen or turns the direction is spelled out.
pub use keepwell_model::shown as display;

/// The text is not a path in the escaped form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a path: a % must be followed by two hexadecimal digits (write %25 for % itself)")]
pub struct PathTextError {
    /// The text.
    pub text: String,
}

/// The exact, escaped form.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let escape = |text: &mut String, byte: u8| {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        text.push('%');
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    };
    for part in bytes.utf8_chunks() {
        for character in part.valid().chars() {
            if character == '%' || character.is_control() {
                let mut buffer = [0; 4];
                character.encode_utf8(&mut buffer).bytes().for_each(|byte| escape(&mut text, byte));
            } else {
                text.push(character);
            }
        }
        part.invalid().iter().for_each(|byte| escape(&mut text, *byte));
    }
    text
}

/// The bytes of the escaped form.
///
/// # Errors
/// A `%` is not followed by two hexadecimal digits.
pub fn decode(text: &str) -> Result<Vec<u8>, PathTextError> {
    let error = || PathTextError { text: text.to_owned() };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(error);
        let (high, low) = (digit()?, digit()?);
        bytes.push((high * 16 + low) as u8);
    }
    Ok(bytes)
}

/// The bytes of a path of this machine.
#[must_use]
pub fn bytes_of(path: &std::path::Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

/// The path of this machine that bytes mean.
#[cfg(unix)]
#[must_use]
pub fn local_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// The path of this machine that bytes mean. Unpaired surrogates, which no program makes on purpose, are replaced.
#[cfg(not(unix))]
#[must_use]
pub fn local_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)).unwrap(), all);
        for path in [&b"a/b c"[..], "Bücher/100%.txt".as_bytes(), b"\xff\xfe", b"half \xc3", b"", b"%41"] {
            assert_eq!(decode(&encode(path)).unwrap(), path);
        }
    }

    #[test]
    fn plain_text_stays_readable_and_the_rest_is_escaped() {
        assert_eq!(encode("Bücher/a b.txt".as_bytes()), "Bücher/a b.txt");
        assert_eq!(encode(b"100%\n\xff"), "100%25%0A%FF");
        assert_eq!(display(b"a\x1b[31m\xff"), "a<U+001B>[31m\u{fffd}");
    }

    #[test]
    fn a_half_escape_is_refused() {
        for bad in ["100%", "%4", "%zz", "%+1"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
