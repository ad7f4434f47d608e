//! Numbers and text as pickles spell them.

use std::borrow::Cow;

use super::value::Value;

/// An integer in little-endian two's complement, of any width.
pub(super) fn long(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Long(Cow::Borrowed(bytes));
    }
    let negative = bytes.last().is_some_and(|&highest| highest >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

/// A wide integer as the nearest number; `None` beyond 128 bits.
pub(super) fn wide(bytes: &[u8]) -> Option<f64> {
    let negative = bytes.last().is_some_and(|&highest| highest >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(wide) as f64)
}

/// An integer in decimal digits, with the `L` Python 2 ends a long one with, or 00 and 01, which
/// are false and true.
pub(super) fn integer(line: &[u8]) -> Option<Value<'static>> {
    match line {
        b"00" => return Some(Value::Bool(false)),
        b"01" => return Some(Value::Bool(true)),
        _ => {}
    }
    let digits = std::str::from_utf8(line).ok()?.trim_end_matches('L');
    if let Ok(value) = digits.parse() {
        return Some(Value::Int(value));
    }
    let value: i128 = digits.parse().ok()?;
    let mut bytes = value.to_le_bytes().to_vec();
    // The shortest form, as LONG1 has it: the sign's bytes go while one of its bits stays.
    let sign = if value < 0 { 0xff } else { 0 };
    while bytes.last() == Some(&sign)
        && bytes.iter().rev().nth(1).is_some_and(|next| (next ^ sign) < 0x80)
    {
        bytes.pop();
    }
    Some(Value::Long(Cow::Owned(bytes)))
}

/// A number in decimal digits.
pub(super) fn float(line: &[u8]) -> Option<Value<'static>> {
    std::str::from_utf8(line).ok()?.trim().parse().ok().map(Value::Float)
}

/// Python 2's one kind of string: text where it is UTF-8, bytes where not.
pub(super) fn python2(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes)
        .map_or(Value::Bytes(Cow::Borrowed(bytes)), |text| Value::Text(Cow::Borrowed(text)))
}

/// A string in quotes, as protocol 0 writes it. One with escapes is kept as it is spelled: no name
/// of a tensor has any.
pub(super) fn quoted(line: &[u8]) -> Option<Value<'_>> {
    let line = line.trim_ascii_end();
    let (first, rest) = line.split_first()?;
    let (last, inside) = rest.split_last()?;
    (first == last && matches!(first, b'\'' | b'"')).then(|| python2(inside))
}

/// Text of protocol 0: Latin-1 letters, and `\u` and `\U` before the numbers of all others.
pub(super) fn escaped(line: &[u8]) -> Option<Value<'_>> {
    if line.is_ascii() && !line.contains(&b'\\') {
        return Some(python2(line));
    }
    let mut text = String::new();
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = match (byte, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(byte));
                rest = after;
                continue;
            }
        };
        let digits = after.get(1..=digits)?;
        let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        text.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &after[1 + digits.len()..];
    }
    Some(Value::Text(Cow::Owned(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(value: Option<Value<'_>>) -> String {
        format!("{:?}", value.expect("a value"))
    }

    #[test]
    fn integers_of_any_width_keep_their_sign() {
        assert!(matches!(long(&[]), Value::Int(0)));
        assert!(matches!(long(&[0xff]), Value::Int(-1)));
        assert!(matches!(long(&[0, 1]), Value::Int(256)));
        assert!(matches!(integer(b"-5L"), Some(Value::Int(-5))));
        assert!(matches!(integer(b"01"), Some(Value::Bool(true))));
        assert!(integer(b"five").is_none());
        assert_eq!(wide(&[0, 0, 0, 0, 0, 0, 0, 0, 1]), Some(2f64.powi(64)));
        assert_eq!(wide(&[0; 17]), None);
        for value in [i128::from(i64::MAX) + 1, i128::from(i64::MIN) - 1, i128::MAX, i128::MIN] {
            let Some(Value::Long(bytes)) = integer(value.to_string().as_bytes()) else {
                panic!("{value} is not wide")
            };
            assert_eq!(wide(&bytes), Some(value as f64));
        }
    }

    #[test]
    fn text_of_protocol_0_is_unescaped() {
        assert_eq!(spelled(escaped(b"a.b")), "Text(\"a.b\")");
        assert_eq!(spelled(escaped(b"\\u20ac\xe9\\U0001f600")), "Text(\"€é😀\")");
        assert!(escaped(b"\\u20").is_none());
        assert_eq!(spelled(quoted(b"'ab'")), "Text(\"ab\")");
        assert!(quoted(b"'ab\"").is_none());
        assert!(quoted(b"'").is_none());
    }
}
