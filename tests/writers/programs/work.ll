; light takes 1/4 of the time, heavy 3/4: 1/4 in line 8, and 2/4 in line 9.
source_filename = "work.c"

define i32 @light(i32 %n) !dbg !10 {
entry:
  br label %loop, !dbg !11
loop:
  %i = phi i32 [ 0, %entry ], [ %j, %loop ]
  %a = phi i32 [ 1, %entry ], [ %c, %loop ]
  %b = mul i32 %a, 33, !dbg !11
  %c = add i32 %b, %i, !dbg !11
  %j = add i32 %i, 1, !dbg !11
  %more = icmp slt i32 %j, %n, !dbg !11
  br i1 %more, label %loop, label %done, !dbg !11
done:
  ret i32 %c, !dbg !12
}

define i32 @heavy(i32 %n) !dbg !20 {
entry:
  br label %loop, !dbg !21
loop:
  %i = phi i32 [ 0, %entry ], [ %j, %loop ]
  %a = phi i32 [ 1, %entry ], [ %c, %loop ]
  %b = mul i32 %a, 33, !dbg !21
  %c = add i32 %b, %i, !dbg !21
  %j = add i32 %i, 1, !dbg !21
  %more = icmp slt i32 %j, %n, !dbg !21
  br i1 %more, label %loop, label %next, !dbg !21
next:
  %m = shl i32 %n, 1, !dbg !22
  br label %loop2, !dbg !22
loop2:
  %k = phi i32 [ 0, %next ], [ %l, %loop2 ]
  %d = phi i32 [ %c, %next ], [ %f, %loop2 ]
  %e = mul i32 %d, 33, !dbg !22
  %f = add i32 %e, %k, !dbg !22
  %l = add i32 %k, 1, !dbg !22
  %more2 = icmp slt i32 %l, %m, !dbg !22
  br i1 %more2, label %loop2, label %done, !dbg !22
done:
  ret i32 %f, !dbg !23
}

define i32 @main() !dbg !30 {
entry:
  br label %loop, !dbg !31
loop:
  %i = phi i32 [ 0, %entry ], [ %j, %loop ]
  %a = call i32 @light(i32 1000000), !dbg !31
  %b = call i32 @heavy(i32 1000000), !dbg !31
  %j = add i32 %i, 1, !dbg !31
  %more = icmp slt i32 %j, 300, !dbg !31
  br i1 %more, label %loop, label %done, !dbg !31
done:
  ret i32 0, !dbg !32
}

!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2, !3}
!0 = distinct !DICompileUnit(language: DW_LANG_C99, file: !1, producer: "hand", isOptimized: false, runtimeVersion: 0, emissionKind: FullDebug)
!1 = !DIFile(filename: "work.c", directory: "/src")
!2 = !{i32 2, !"Debug Info Version", i32 3}
!3 = !{i32 2, !"Dwarf Version", i32 4}
!4 = !DISubroutineType(types: !5)
!5 = !{}
!10 = distinct !DISubprogram(name: "light", scope: !1, file: !1, line: 2, type: !4, unit: !0, spFlags: DISPFlagDefinition)
!11 = !DILocation(line: 3, scope: !10)
!12 = !DILocation(line: 4, scope: !10)
!20 = distinct !DISubprogram(name: "heavy", scope: !1, file: !1, line: 6, type: !4, unit: !0, spFlags: DISPFlagDefinition)
!21 = !DILocation(line: 8, scope: !20)
!22 = !DILocation(line: 9, scope: !20)
!23 = !DILocation(line: 10, scope: !20)
!30 = distinct !DISubprogram(name: "main", scope: !1, file: !1, line: 13, type: !4, unit: !0, spFlags: DISPFlagDefinition)
!31 = !DILocation(line: 14, scope: !30)
!32 = !DILocation(line: 15, scope: !30)
