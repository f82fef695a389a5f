%% light/2 takes 1/4 of the time, heavy/2 3/4.
-module(work).
-export([main/0]).

light(0, A) ->
    A;
light(N, A) ->
    light(N - 1, (A * 33 + N) band 16#ffffff).

heavy(0, A) ->
    A;
heavy(N, A) ->
    heavy(N - 1, (A * 33 + N) band 16#ffffff).

main() ->
    loop(erlang:monotonic_time(millisecond) + 1500).

loop(End) ->
    light(10000, 1),
    heavy(30000, 1),
    case erlang:monotonic_time(millisecond) < End of
        true -> loop(End);
        false -> ok
    end.
