select count(*) from generate_series(1, 3000000) as t(i) where (i * 33::bigint + 7) % 11 > 3 and i / 5 % 3 < 2;
