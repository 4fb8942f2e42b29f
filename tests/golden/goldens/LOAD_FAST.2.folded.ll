define hidden preserve_nonecc i64 @LOAD_FAST(ptr noundef %arg, ptr noundef initializes((0, 8)) %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i5 = getelementptr i8, ptr %arg, i64 ptrtoint (ptr @__sg_e_LOAD_FAST_0 to i64)
  %i6 = load ptr, ptr %i5, align 8
  %i7 = load i64, ptr %i6, align 8
  %i8 = add nsw i64 %i7, 1
  store i64 %i8, ptr %i6, align 8
  %i9 = getelementptr inbounds nuw i8, ptr %arg1, i64 8
  store ptr %i6, ptr %arg1, align 8
  %i10 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef nonnull %i9, ptr noundef %arg2)
  ret i64 %i10
}
