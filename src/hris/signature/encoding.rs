//! How signatures and keys are written: strictly, so that one signature has one spelling.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower case.
    Hex,
    Base64,
    /// The alphabet of URLs, padded or not.
    Base64Url,
}

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

impl Encoding {
    /// The bytes, if the text is such.
    pub(super) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => from_hex(text),
            Self::Base64 => BASE64.decode(text).ok(),
            Self::Base64Url => BASE64_URL.decode(text).ok(),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signature_has_one_spelling() {
        assert_eq!(Encoding::Hex.decode("00ff"), Some(vec![0, 255]));
        assert_eq!(Encoding::Base64.decode("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(Encoding::Base64Url.decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(Encoding::Base64Url.decode("-_8="), Some(vec![0xfb, 0xff]));
        for (encoding, bad) in [
            (Encoding::Hex, "00FF"),
            (Encoding::Hex, "0"),
            (Encoding::Base64, "-_8="),
            (Encoding::Base64, "+/9="),
            (Encoding::Base64Url, "+/8="),
        ] {
            assert_eq!(encoding.decode(bad), None, "{bad}");
        }
    }
}
