//! Tests of the text of dates, times, timestamps and durations.

use super::*;

#[test]
fn calendar() {
    for days in (-800_000..800_000).step_by(13) {
        let (year, month, day) = civil_from_days(days);
        assert_eq!(days_from_civil(year, month, day), days);
    }
    assert_eq!(civil_from_days(0), (1970, 1, 1));
    assert_eq!(civil_from_days(11_016), (2000, 2, 29));
}

#[test]
fn timestamps_in_every_form() {
    let day = 1_296_691_200_000; // 2011-02-03
    let minute = day + (4 * 60 + 5) * 60_000;
    for (text, millis) in [
        ("1299038700000", 1_299_038_700_000),
        ("-1", -1),
        ("2011-02-03", day),
        ("2011-02-03+0000", day),
        ("2011-02-03 +0100", day - 3_600_000),
        ("2011-02-03 04:05", minute),
        ("2011-02-03 04:05+0000", minute),
        ("2011-02-03 04:05 +0000", minute),
        ("2011-02-03T04:05Z", minute),
        ("2011-02-03 04:05 UTC", minute),
        ("2011-02-03 04:05-0130", minute + 90 * 60_000),
        ("2011-02-03T04:05+02:00", minute - 120 * 60_000),
        ("2011-02-03T04:05+02", minute - 120 * 60_000),
        ("2011-02-03 04:05:06", minute + 6000),
        ("2011-02-03T04:05:06.789Z", minute + 6789),
        ("2011-02-03 04:05:06.7", minute + 6700),
        ("2011-02-03 04:05:06.789000+0000", minute + 6789),
        ("1969-12-31 23:59:59.999", -1),
        ("1969-12-31 24:00", 0),
        ("1969-11-31", -31 * 86_400_000 - 86_400_000),
        ("+10000-01-01", 253_402_300_800_000),
    ] {
        assert_eq!(parse_timestamp(text), Some(millis), "{text}");
    }
    for text in [
        "",
        "2011",
        "x",
        "2011-02-32",
        "2011-2-3",
        "+2011-02-03",
        "12011-02-03",
        "2011-13-01",
        "2011-00-01",
        "2011-01-00",
        "2011-02-03 24:01",
        "2011-02-03 04:60",
        "2011-02-03 04:05:60",
        "2011-02-03 04",
        "2011-02-03 04:05:06.",
        "2011-02-03 04:05+1900",
        "2011-02-03 04:05 XYZ",
        "9999999-01-01x",
        "99999999999999999999",
    ] {
        // "2011" is an integer: milliseconds.
        let expected = (text == "2011").then_some(2011);
        assert_eq!(parse_timestamp(text), expected, "{text}");
    }
    assert_eq!(
        format_timestamp(minute + 789),
        "2011-02-03 04:05:00.789000+0000"
    );
    for millis in [
        0,
        -1,
        minute,
        i64::MIN,
        i64::MAX,
        -62_167_219_200_001,
        253_402_300_800_000,
    ] {
        assert_eq!(parse_timestamp(&format_timestamp(millis)), Some(millis));
    }
}

#[test]
fn dates_and_times() {
    assert_eq!(parse_date("2011-02-03"), Some(15_008));
    assert_eq!(parse_date("2147483648"), Some(0));
    assert_eq!(parse_date("-1"), None);
    assert_eq!(parse_date("4294967296"), None);
    assert_eq!(parse_date("2011-02-03 "), None);
    for days in [0, -1, i32::MIN, i32::MAX, 2_932_896, 2_932_897] {
        assert_eq!(parse_date(&format_date(days)), Some(days));
    }
    assert_eq!(parse_time("08:12:54.123"), Some(29_574_123_000_000));
    assert_eq!(format_time(29_574_123_000_000), "08:12:54.123000000");
    assert_eq!(parse_time("86400000000000"), None);
    assert_eq!(parse_time("24:00:00"), None);
    assert_eq!(parse_time("08:12"), None);
    assert_eq!(parse_time(&format_time(DAY_NANOS - 1)), Some(DAY_NANOS - 1));
}

#[test]
fn durations() {
    let day_part = 5 * 3_600_000_000_000 + 6 * 60_000_000_000 + 7_008_009_010;
    let all = Some((14, 25, day_part));
    assert_eq!(parse_duration("1y2mo3w4d5h6m7s8ms9us10ns"), all);
    assert_eq!(parse_duration("1Y2MO3W4D5H6M7S8MS9\u{b5}s10NS"), all);
    assert_eq!(
        format_duration(14, 25, day_part),
        "1y2mo25d5h6m7s8ms9us10ns"
    );
    assert_eq!(parse_duration("-1h30m"), Some((0, 0, -5_400_000_000_000)));
    assert_eq!(parse_duration("P1Y2M"), Some((14, 0, 0)));
    assert_eq!(
        parse_duration("-P1Y2M3DT1M"),
        Some((-14, -3, -60_000_000_000))
    );
    assert_eq!(parse_duration("P3W"), Some((0, 21, 0)));
    assert_eq!(parse_duration("PT5S"), Some((0, 0, 5_000_000_000)));
    let long = Some((14, 3, (4 * 3600 + 5 * 60 + 6) * 1_000_000_000));
    assert_eq!(parse_duration("P0001-02-03T04:05:06"), long);
    for text in [
        "",
        "-",
        "P",
        "1",
        "h",
        "1h1y",
        "1h1h",
        "1x",
        "--1h",
        "1mo2147483647y",
        "99999999999999999999s",
        "P1-2-3T4:5:6",
        "PT1Y",
        "P1H",
        "1h-2m",
    ] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
    for (months, days, nanos) in [(i32::MIN, i32::MIN, i64::MIN), (0, 0, 0), (1, 0, i64::MAX)] {
        let text = format_duration(months, days, nanos);
        assert_eq!(parse_duration(&text), Some((months, days, nanos)), "{text}");
    }
}
