-- TPC-H Q14: Promotion effect.
SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%'
                         THEN CAST(l_extendedprice * (1 - l_discount) AS double)
                         ELSE 0 END)
       / sum(CAST(l_extendedprice * (1 - l_discount) AS double)) AS promo_revenue
FROM lineitem, part
WHERE l_partkey = p_partkey
  AND l_shipdate >= DATE '1995-09-01'
  AND l_shipdate < DATE '1995-09-01' + INTERVAL '1' MONTH;
