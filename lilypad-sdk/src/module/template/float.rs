//! Floating-point numbers as text, in the styles of `printf`.

/// The digits of a number `0.D1D2…Dn × 10^point`, without trailing zeros.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

/// Digits behind the point after which every number has only zeros; the standard library refuses to write very many.
const MOST_DIGITS: usize = 1100;

/// Reads Rust's scientific form back into digits.
fn digits_of(text: &str) -> Digits {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    let point = if digits.is_empty() { 0 } else { exponent.parse::<i32>().unwrap_or(0) + 1 };
    Digits { digits, point }
}

fn size(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

fn signed(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A number that is not negative, without sign. `precision` `None` is the shortest text that reads back the same.
pub(super) fn format(value: f64, style: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return "Inf".to_owned();
    }
    match (style, precision) {
        ('b', _) => binary(value),
        ('x' | 'X', precision) => {
            let text = hexadecimal(value, precision);
            if style == 'X' { text.to_ascii_uppercase() } else { text }
        }
        ('f', Some(precision)) => {
            let exact = precision.min(MOST_DIGITS);
            let mut text = format!("{value:.exact$}");
            text.extend(std::iter::repeat_n('0', precision - exact));
            text
        }
        ('e' | 'E', Some(precision)) => {
            let exact = precision.min(MOST_DIGITS);
            let text = format!("{value:.exact$e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let zeros = "0".repeat(precision - exact);
            with_exponent(&format!("{mantissa}{zeros}"), exponent.parse().unwrap_or(0), style)
        }
        (_, None) => general(&digits_of(&format!("{value:e}")), 6, true, style),
        (_, Some(precision)) => {
            let wanted = precision.max(1);
            general(&digits_of(&format!("{value:.*e}", (wanted - 1).min(MOST_DIGITS))), wanted, false, style)
        }
    }
}

fn with_exponent(mantissa: &str, exponent: i32, style: char) -> String {
    let e = if style == 'E' || style == 'G' { 'E' } else { 'e' };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{e}{sign}{:02}", exponent.unsigned_abs())
}

/// `%g`: exponent form when the exponent is small or reaches `threshold`.
fn general(digits: &Digits, precision: usize, shortest: bool, style: char) -> String {
    let count = digits.digits.len();
    let mut threshold = signed(precision);
    if !shortest && precision > count && signed(count) >= digits.point {
        threshold = signed(count);
    }
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= threshold {
        let mut mantissa = String::new();
        mantissa.push(char::from(digits.digits.first().copied().unwrap_or(b'0')));
        if count > 1 {
            mantissa.push('.');
            mantissa.extend(digits.digits.iter().skip(1).map(|&digit| char::from(digit)));
        }
        return with_exponent(&mantissa, exponent, style);
    }
    let digit = |at: i32| -> char {
        usize::try_from(at).ok().and_then(|at| digits.digits.get(at)).map_or('0', |&digit| char::from(digit))
    };
    let mut text = String::new();
    if digits.point > 0 {
        text.extend((0..digits.point).map(digit));
    } else {
        text.push('0');
    }
    let fraction = size(signed(count) - digits.point);
    if fraction > 0 {
        text.push('.');
        text.extend((0..signed(fraction)).map(|at| digit(digits.point + at)));
    }
    text
}

/// Mantissa and exponent with `value = mantissa × 2^exponent`.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

fn binary(value: f64) -> String {
    let (mantissa, exponent) = parts(value);
    format!("{mantissa}p{exponent:+}")
}

fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // One digit before the point, 60 bits behind it.
        exponent += 52;
        while mantissa & 1 << 52 == 0 {
            mantissa <<= 1;
            exponent -= 1;
        }
        mantissa <<= 8;
        if let Some(precision) = precision.filter(|&precision| precision < 15) {
            let shift = (15 - precision) * 4;
            let extra = mantissa & ((1 << shift) - 1);
            mantissa >>= shift;
            let half = 1_u64 << (shift - 1);
            if extra > half || (extra == half && mantissa & 1 == 1) {
                mantissa += 1;
            }
            mantissa <<= shift;
            if mantissa & 1 << 61 != 0 {
                mantissa >>= 1;
                exponent += 1;
            }
        }
    }
    let mut fraction = format!("{:015x}", mantissa & ((1 << 60) - 1));
    match precision {
        None => fraction.truncate(fraction.trim_end_matches('0').len()),
        Some(precision) if precision <= 15 => fraction.truncate(precision),
        Some(precision) => fraction.push_str(&"0".repeat(precision - 15)),
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x{}{point}{fraction}p{sign}{:02}", mantissa >> 60, exponent.unsigned_abs())
}

/// The `#` flag: always a decimal point, and trailing zeros for the general styles.
pub(super) fn keep_point(text: &str, style: char, precision: Option<usize>) -> String {
    let mut missing = match style {
        'g' | 'G' | 'x' => signed(precision.unwrap_or(6)),
        _ => 0,
    };
    let hex = matches!(style, 'x' | 'X');
    let exponent = text.find(|c| matches!(c, 'p' | 'P') || (!hex && matches!(c, 'e' | 'E'))).unwrap_or(text.len());
    let (number, tail) = text.split_at(exponent);
    let (mut point, mut nonzero) = (false, false);
    for c in number.chars() {
        if c == '.' {
            point = true;
        } else {
            nonzero |= c != '0';
            missing -= i32::from(nonzero);
        }
    }
    let mut out = number.to_owned();
    if !point {
        if number == "0" {
            missing -= 1;
        }
        out.push('.');
    }
    out.push_str(&"0".repeat(size(missing)));
    out.push_str(tail);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_style() {
        let cases: &[(f64, char, Option<usize>, &str)] = &[
            (100_000.0, 'g', None, "100000"),
            (1e6, 'g', None, "1e+06"),
            (1e-5, 'g', None, "1e-05"),
            (0.0001, 'g', None, "0.0001"),
            (0.0, 'g', None, "0"),
            (0.0, 'e', Some(2), "0.00e+00"),
            (1234.5678, 'g', Some(3), "1.23e+03"),
            (100.0, 'g', Some(3), "100"),
            (2.5, 'f', Some(0), "2"),
            (1.0, 'x', None, "0x1p+00"),
            (1.5, 'x', Some(0), "0x1p+01"),
            (0.0, 'b', None, "0p-1074"),
        ];
        for &(value, style, precision, expected) in cases {
            assert_eq!(format(value, style, precision), expected, "{value} {style} {precision:?}");
        }
        assert_eq!(keep_point("1", 'g', None), "1.00000");
    }
}
