; if ((uint64_t)instruction->oparg & 1) == 0
define hidden preserve_nonecc i64 @JUMP_ON.v1(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i = getelementptr inbounds nuw i8, ptr %arg2, i64 16
  %i3 = load i32, ptr %i, align 8
  %i4 = add i32 %i3, -1
  store i32 %i4, ptr %i, align 8
  %i5 = icmp eq i32 %i3, 0
  br i1 %i5, label %bb6, label %bb8

bb6:                                              ; preds = %bb
  %i7 = musttail call preserve_nonecc i64 @__sg_exit(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i7

bb8:                                              ; preds = %bb
  %i13 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  %i14 = load i32, ptr %i13, align 4
  %i18 = icmp sgt i32 %i14, -1
  br i1 %i18, label %bb19, label %bb21

bb19:                                             ; preds = %bb8
  %i20 = musttail call preserve_nonecc i64 @__sg_label_target(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i20

bb21:                                             ; preds = %bb8
  %i24 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  store i32 ptrtoint (ptr @__sg_e_JUMP_ON_v1_0 to i32), ptr %i24, align 4
  %i25 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i25
}

; if !(((uint64_t)instruction->oparg & 1) == 0)
define hidden preserve_nonecc i64 @JUMP_ON.v2(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i = getelementptr inbounds nuw i8, ptr %arg2, i64 16
  %i3 = load i32, ptr %i, align 8
  %i4 = add i32 %i3, -1
  store i32 %i4, ptr %i, align 8
  %i5 = icmp eq i32 %i3, 0
  br i1 %i5, label %bb6, label %bb8

bb6:                                              ; preds = %bb
  %i7 = musttail call preserve_nonecc i64 @__sg_exit(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i7

bb8:                                              ; preds = %bb
  %i13 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  %i14 = load i32, ptr %i13, align 4
  %i16 = icmp slt i32 %i14, 0
  br i1 %i16, label %bb19, label %bb21

bb19:                                             ; preds = %bb8
  %i20 = musttail call preserve_nonecc i64 @__sg_label_target(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i20

bb21:                                             ; preds = %bb8
  %i24 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  store i32 ptrtoint (ptr @__sg_e_JUMP_ON_v2_0 to i32), ptr %i24, align 4
  %i25 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i25
}
