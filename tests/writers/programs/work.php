<?php
// light() takes 1/4 of the time, heavy() 3/4.
function light(int $n): int {
    $a = 1;
    for ($i = 0; $i < $n; $i++) $a = ($a * 33 + $i) & 0xffffff;
    return $a;
}
function heavy(int $n): int {
    $a = 1;
    for ($i = 0; $i < 3 * $n; $i++) $a = ($a * 33 + $i) & 0xffffff;
    return $a;
}
$end = microtime(true) + 1.5;
while (microtime(true) < $end) {
    light(10000);
    heavy(10000);
}
