; if instruction->oparg == 0 and sg_narrow((uint64_t)instruction->operand)
define hidden preserve_nonecc i64 @UPDATE.v3(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i5 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  %i6 = load i64, ptr %i5, align 8
  %i7 = add i64 %i6, ptrtoint (ptr @__sg_e_UPDATE_v3_0 to i64)
  store i64 %i7, ptr %i5, align 8
  %i14 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i14
}

; if instruction->oparg == 0 and !(sg_narrow((uint64_t)instruction->operand))
define hidden preserve_nonecc i64 @UPDATE.v1(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i5 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  %i6 = load i64, ptr %i5, align 8
  %i7 = add i64 %i6, ptrtoint (ptr @__sg_e_UPDATE_v1_0 to i64)
  store i64 %i7, ptr %i5, align 8
  %i14 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i14
}

; if instruction->oparg != 0 and instruction->oparg == 1 and sg_narrow((uint64_t)instruction->operand)
define hidden preserve_nonecc i64 @UPDATE.v6(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i10 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  store i64 ptrtoint (ptr @__sg_e_UPDATE_v6_0 to i64), ptr %i10, align 8
  %i14 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i14
}

; if instruction->oparg != 0 and instruction->oparg == 1 and !(sg_narrow((uint64_t)instruction->operand))
define hidden preserve_nonecc i64 @UPDATE.v4(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i10 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  store i64 ptrtoint (ptr @__sg_e_UPDATE_v4_0 to i64), ptr %i10, align 8
  %i14 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i14
}

; if instruction->oparg != 0 and instruction->oparg != 1
define hidden preserve_nonecc i64 @UPDATE.v5(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i12 = musttail call preserve_nonecc i64 @__sg_exit(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2)
  ret i64 %i12
}
