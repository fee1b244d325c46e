//! TFRecord: a file of byte strings, each with its length and checksums.
//!
//! `u64 length · u32 masked CRC of the length · bytes · u32 masked CRC of the bytes`, all little-endian:
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>.

/// The Castagnoli polynomial of CRC-32C (RFC 3720, appendix B.4), bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// CRC-32C of every byte by itself.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)];
    !bytes.iter().fold(u32::MAX, step)
}

/// As it is stored, lest the checksum of something that holds checksums be one that means nothing.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let masked = crc32c(bytes).rotate_right(15).wrapping_add(0xA282_EAD8);
    masked.to_le_bytes()
}

/// Appends one record.
pub fn append(file: &mut Vec<u8>, record: &[u8]) {
    let length = (record.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked_crc(&length));
    file.extend(record);
    file.extend(masked_crc(record));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4, and the check value of CRC-32/ISCSI.
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46DD_794E);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn a_record_has_its_length_and_two_checksums() {
        let mut file = vec![];
        append(&mut file, b"\x1a\x0dbrain.Event:2");
        let head = [0x0f, 0, 0, 0, 0, 0, 0, 0, 0x6d, 0x53, 0x2b, 0x09];
        assert_eq!(file[..12], head);
        assert_eq!(file[12..27], *b"\x1a\x0dbrain.Event:2");
        assert_eq!(file[27..], [0xfc, 0x98, 0x51, 0x29]);
    }
}
