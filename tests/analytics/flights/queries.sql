-- Queries over the flights tables. Answers: NAME.csv, written by `tools/answers record-flights`.

-- name: count_all
SELECT count(*), count(dep_time), count(tailnum), count(air_time) FROM flights;

-- name: sums
SELECT sum(distance), sum(dep_delay), min(dep_delay), max(arr_delay), avg(distance) FROM flights;

-- name: group_carrier
SELECT carrier, count(*), sum(distance), avg(dep_delay) FROM flights GROUP BY carrier ORDER BY carrier;

-- name: group_partition
SELECT origin, month, day, count(*), min(sched_dep_time), max(sched_dep_time) FROM flights GROUP BY origin, month, day ORDER BY origin, month, day;

-- name: having
SELECT dest, count(*) AS n FROM flights GROUP BY dest HAVING count(*) > 1500 ORDER BY n DESC, dest;

-- name: point
SELECT * FROM airlines WHERE carrier = 'HA';

-- name: point_row
SELECT carrier, flight, dep_time, dest FROM flights WHERE origin = 'JFK' AND month = 1 AND day = 3 AND sched_dep_time = 600 ORDER BY carrier, flight;

-- name: partition
SELECT sched_dep_time, carrier, flight, dep_delay FROM flights WHERE origin = 'EWR' AND month = 10 AND day = 7 ORDER BY sched_dep_time, carrier, flight;

-- name: partition_reversed
SELECT sched_dep_time, carrier, flight FROM flights WHERE origin = 'LGA' AND month = 1 AND day = 9 ORDER BY sched_dep_time DESC, carrier DESC, flight DESC LIMIT 25;

-- name: deleted_partition
SELECT count(*) FROM flights WHERE origin = 'LGA' AND month = 1 AND day = 13;

-- name: slice
SELECT sched_dep_time, carrier, flight, dest FROM flights WHERE origin = 'JFK' AND month = 1 AND day = 5 AND sched_dep_time >= 700 AND sched_dep_time < 830 ORDER BY sched_dep_time, carrier, flight;

-- name: deleted_range
SELECT count(*), min(sched_dep_time) FROM flights WHERE origin = 'EWR' AND month = 1 AND day IN (5, 6, 7);

-- name: in_partitions
SELECT origin, day, count(*) FROM flights WHERE origin IN ('JFK', 'EWR') AND month = 10 AND day IN (1, 2, 3, 4) GROUP BY origin, day ORDER BY origin, day;

-- name: or_keys
SELECT count(*) FROM flights WHERE (origin = 'JFK' AND month = 1 AND day = 1) OR (origin = 'LGA' AND month = 10 AND day = 2);

-- name: is_null
SELECT count(*) FROM flights WHERE dep_time IS NULL;

-- name: is_not_null
SELECT origin, count(*) FROM flights WHERE arr_delay IS NOT NULL AND tailnum IS NULL GROUP BY origin ORDER BY origin;

-- name: null_group
SELECT dep_delay IS NULL AS cancelled, count(*), sum(distance) FROM flights GROUP BY 1 ORDER BY 1;

-- name: like
SELECT tailnum, count(*) FROM flights WHERE tailnum LIKE 'N1%UW' GROUP BY tailnum ORDER BY tailnum;

-- name: between
SELECT count(*) FROM flights WHERE distance BETWEEN 1000 AND 1100 AND air_time BETWEEN 100 AND 160;

-- name: not_in
SELECT carrier, count(*) FROM flights WHERE carrier NOT IN ('UA', 'B6', 'EV', 'DL', 'AA') GROUP BY carrier ORDER BY carrier;

-- name: case
SELECT CASE WHEN dep_delay > 60 THEN 'late' WHEN dep_delay > 0 THEN 'a bit' WHEN dep_delay <= 0 THEN 'good' ELSE 'never' END AS how, count(*) FROM flights GROUP BY 1 ORDER BY 1;

-- name: join_airlines
SELECT a.name, count(*) FROM flights f JOIN airlines a ON f.carrier = a.carrier GROUP BY a.name ORDER BY a.name;

-- name: join_left_missing
SELECT f.carrier, count(*) FROM flights f LEFT JOIN airlines a ON f.carrier = a.carrier WHERE a.carrier IS NULL GROUP BY f.carrier ORDER BY f.carrier;

-- name: join_planes
SELECT p.manufacturer, count(*) AS n, sum(p.seats) FROM flights f JOIN planes p ON f.tailnum = p.tailnum GROUP BY p.manufacturer HAVING count(*) > 200 ORDER BY n DESC, p.manufacturer;

-- name: join_weather
SELECT f.origin, count(*), avg(w.temp) FROM flights f JOIN weather w ON f.origin = w.origin AND f.month = w.month AND f.day = w.day AND f.hour = w.hour WHERE f.dep_delay > 120 GROUP BY f.origin ORDER BY f.origin;

-- name: join_airports
SELECT f.dest, p.name, count(*) AS n FROM flights f JOIN airports p ON f.dest = p.faa GROUP BY f.dest, p.name ORDER BY n DESC, f.dest LIMIT 15;

-- name: full_join
SELECT count(*), count(f.faa), count(d.dest) FROM airports f FULL JOIN (SELECT DISTINCT dest FROM flights) d ON f.faa = d.dest;

-- name: self_join
SELECT count(*) FROM flights x JOIN flights y ON x.tailnum = y.tailnum AND x.month = y.month AND x.day = y.day AND x.sched_dep_time < y.sched_dep_time WHERE x.origin = 'JFK' AND y.origin = 'LGA';

-- name: three_joins
SELECT a.name, p.name, count(*) AS n FROM flights f JOIN airlines a ON a.carrier = f.carrier JOIN airports p ON p.faa = f.dest WHERE f.origin = 'JFK' AND p.alt > 1000 GROUP BY a.name, p.name ORDER BY n DESC, a.name, p.name LIMIT 20;

-- name: cross_join
SELECT count(*) FROM airlines x CROSS JOIN airlines y;

-- name: semi
SELECT count(*) FROM airports WHERE faa IN (SELECT dest FROM flights WHERE month = 11);

-- name: anti
SELECT faa, name FROM airports p WHERE NOT EXISTS (SELECT 1 FROM flights f WHERE f.dest = p.faa) AND p.alt > 5000 ORDER BY faa;

-- name: scalar_subquery
SELECT count(*) FROM flights WHERE distance > (SELECT avg(distance) FROM flights);

-- name: correlated
SELECT f.carrier, f.flight, f.dest, f.distance FROM flights f WHERE f.month = 1 AND f.day = 1 AND f.distance = (SELECT max(g.distance) FROM flights g WHERE g.origin = f.origin AND g.month = 1 AND g.day = 1) ORDER BY f.carrier, f.flight, f.dest;

-- name: cte
WITH late AS (SELECT origin, dest, dep_delay FROM flights WHERE dep_delay > 300) SELECT origin, count(*), max(dep_delay) FROM late GROUP BY origin ORDER BY origin;

-- name: cte_twice
WITH d AS (SELECT origin, day, count(*) AS n FROM flights WHERE month = 10 GROUP BY origin, day) SELECT x.origin, count(*) FROM d x JOIN d y ON x.origin = y.origin AND y.day = x.day + 1 WHERE y.n > x.n GROUP BY x.origin ORDER BY x.origin;

-- name: union
SELECT carrier FROM airlines UNION SELECT carrier FROM flights ORDER BY carrier;

-- name: union_all
SELECT k, count(*) FROM (SELECT 'dest' AS k FROM flights WHERE dest = 'SFO' UNION ALL SELECT 'origin' AS k FROM flights WHERE origin = 'JFK') t GROUP BY k ORDER BY k;

-- name: intersect
SELECT dest FROM flights WHERE origin = 'JFK' INTERSECT SELECT dest FROM flights WHERE origin = 'LGA' ORDER BY dest;

-- name: except
SELECT faa FROM airports WHERE tz = -5 EXCEPT SELECT dest FROM flights ORDER BY faa LIMIT 30;

-- name: window_rank
SELECT origin, dest, n, r FROM (SELECT origin, dest, count(*) AS n, rank() OVER (PARTITION BY origin ORDER BY count(*) DESC, dest) AS r FROM flights GROUP BY origin, dest) t WHERE r <= 5 ORDER BY origin, r;

-- name: window_lag
SELECT sched_dep_time, carrier, flight, lag(sched_dep_time) OVER (ORDER BY sched_dep_time, carrier, flight) AS before FROM flights WHERE origin = 'JFK' AND month = 11 AND day = 28 ORDER BY sched_dep_time, carrier, flight LIMIT 30;

-- name: window_running
SELECT day, n, sum(n) OVER (ORDER BY day) AS total FROM (SELECT day, count(*) AS n FROM flights WHERE origin = 'EWR' AND month = 11 GROUP BY day) t ORDER BY day;

-- name: window_moving
SELECT day, avg(n) OVER (ORDER BY day ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS m FROM (SELECT day, count(*) AS n FROM flights WHERE month = 1 GROUP BY day) t ORDER BY day;

-- name: window_row_number
SELECT carrier, tailnum, n FROM (SELECT carrier, tailnum, count(*) AS n, row_number() OVER (PARTITION BY carrier ORDER BY count(*) DESC, tailnum) AS r FROM flights WHERE tailnum IS NOT NULL GROUP BY carrier, tailnum) t WHERE r = 1 ORDER BY carrier;

-- name: window_first_value
SELECT DISTINCT origin, first_value(carrier) OVER (PARTITION BY origin ORDER BY month, day, sched_dep_time, carrier, flight) AS c FROM flights ORDER BY origin;

-- name: window_ntile
SELECT bucket, count(*), min(alt), max(alt) FROM (SELECT alt, ntile(4) OVER (ORDER BY alt, faa) AS bucket FROM airports) t GROUP BY bucket ORDER BY bucket;

-- name: grouping_sets
SELECT origin, month, count(*) FROM flights GROUP BY GROUPING SETS ((origin, month), (origin), ()) ORDER BY origin NULLS FIRST, month NULLS FIRST;

-- name: rollup
SELECT origin, carrier, sum(distance) FROM flights WHERE carrier IN ('AA', 'UA') GROUP BY ROLLUP (origin, carrier) ORDER BY origin NULLS FIRST, carrier NULLS FIRST;

-- name: cube
SELECT month, carrier, count(*) FROM flights WHERE carrier IN ('HA', 'YV', 'OO') GROUP BY CUBE (month, carrier) ORDER BY month NULLS LAST, carrier NULLS LAST;

-- name: distinct
SELECT DISTINCT origin, carrier FROM flights ORDER BY origin, carrier;

-- name: count_distinct
SELECT origin, count(DISTINCT dest), count(DISTINCT carrier), count(DISTINCT tailnum) FROM flights GROUP BY origin ORDER BY origin;

-- name: filter_aggregate
SELECT month, count(*) FILTER (WHERE dep_delay > 60), sum(distance) FILTER (WHERE carrier = 'AA') FROM flights GROUP BY month ORDER BY month;

-- name: top_k
SELECT origin, month, day, carrier, flight, arr_delay FROM flights WHERE arr_delay IS NOT NULL ORDER BY arr_delay DESC, origin, month, day, carrier, flight LIMIT 20;

-- name: bottom_k
SELECT carrier, flight, dep_delay, month, day FROM flights WHERE dep_delay IS NOT NULL ORDER BY dep_delay, carrier, flight, month, day LIMIT 20;

-- name: nulls_order
SELECT flight, dep_time FROM flights WHERE origin = 'LGA' AND month = 10 AND day = 7 ORDER BY dep_time NULLS FIRST, carrier, flight LIMIT 12;

-- name: offset
SELECT faa FROM airports ORDER BY faa LIMIT 10 OFFSET 500;

-- name: timestamps
SELECT min(time_hour), max(time_hour) FROM flights;

-- name: timestamp_filter
SELECT count(*) FROM flights WHERE time_hour >= TIMESTAMP '2013-10-05 00:00:00' AND time_hour < TIMESTAMP '2013-10-06 00:00:00';

-- name: date_parts
SELECT extract(HOUR FROM time_hour) AS h, count(*) FROM flights WHERE month = 1 GROUP BY 1 ORDER BY 1;

-- name: date_trunc
SELECT CAST(date_trunc('week', time_hour) AS date) AS w, count(*) FROM flights GROUP BY 1 ORDER BY 1;

-- name: weather_doubles
SELECT origin, month, count(temp), min(temp), max(temp), avg(humid) FROM weather GROUP BY origin, month ORDER BY origin, month;

-- name: weather_slice
SELECT day, hour, temp FROM weather WHERE origin = 'JFK' AND month = 2 AND day = 14 ORDER BY hour;

-- name: weather_reversed
SELECT day, hour, wind_speed FROM weather WHERE origin = 'EWR' AND month = 7 ORDER BY day DESC, hour LIMIT 30;

-- name: weather_reversed_2
SELECT day, hour, wind_dir FROM weather WHERE origin = 'LGA' AND month = 12 ORDER BY day, hour DESC LIMIT 30;

-- name: arithmetic
SELECT carrier, sum(arr_delay - dep_delay), sum(distance * 1609) / 1000.0 FROM flights GROUP BY carrier ORDER BY carrier;

-- name: modulo
SELECT flight % 7 AS m, count(*) FROM flights GROUP BY 1 ORDER BY 1;

-- name: strings
SELECT upper(substring(name FROM 1 FOR 3)) AS s, length(name), count(*) FROM airlines GROUP BY 1, 2 ORDER BY 1, 2;

-- name: concat
SELECT carrier || '-' || CAST(flight AS varchar) AS f, count(*) AS n FROM flights GROUP BY 1 ORDER BY n DESC, f LIMIT 10;

-- name: coalesce
SELECT coalesce(tailnum, 'none') AS t, count(*) AS n FROM flights GROUP BY 1 ORDER BY n DESC, t LIMIT 8;

-- name: overwritten
SELECT count(*), min(flight), max(flight) FROM flights WHERE dep_delay = 9999;

-- name: expired
SELECT count(*) FROM flights WHERE carrier = 'ZZ';

-- name: living_ttl
SELECT origin, count(*) FROM flights WHERE carrier = 'YY' GROUP BY origin ORDER BY origin;

-- name: memtable_rows
SELECT origin, month, day, carrier, flight, distance FROM flights WHERE carrier = 'MM' ORDER BY origin, month, day, flight;

-- name: percentile
SELECT carrier, median(distance) FROM flights GROUP BY carrier ORDER BY carrier;

-- name: stddev
SELECT origin, round(stddev(distance), 6), round(var_pop(distance), 4) FROM flights GROUP BY origin ORDER BY origin;

-- name: values
SELECT v.x, count(f.flight) FROM (VALUES ('AA'), ('UA'), ('??')) AS v(x) LEFT JOIN flights f ON f.carrier = v.x GROUP BY v.x ORDER BY v.x;

-- name: limit_zero
SELECT carrier FROM airlines ORDER BY carrier LIMIT 0;
