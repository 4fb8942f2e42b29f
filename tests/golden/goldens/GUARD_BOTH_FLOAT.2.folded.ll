define hidden preserve_nonecc i64 @GUARD_BOTH_FLOAT(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i = getelementptr inbounds i8, ptr %arg1, i64 -8
  %i3 = load ptr, ptr %i, align 8
  %i4 = getelementptr inbounds nuw i8, ptr %i3, i64 8
  %i5 = load ptr, ptr %i4, align 8
  %i6 = icmp eq ptr %i5, @Float_Type
  br i1 %i6, label %bb9, label %bb7

bb7:                                              ; preds = %bb
  %i8 = musttail call preserve_nonecc i64 @__sg_exit(ptr noundef %arg, ptr noundef nonnull %arg1, ptr noundef %arg2)
  ret i64 %i8

bb9:                                              ; preds = %bb
  %i10 = getelementptr inbounds i8, ptr %arg1, i64 -16
  %i11 = load ptr, ptr %i10, align 8
  %i12 = getelementptr inbounds nuw i8, ptr %i11, i64 8
  %i13 = load ptr, ptr %i12, align 8
  %i14 = icmp eq ptr %i13, @Float_Type
  br i1 %i14, label %bb17, label %bb15

bb15:                                             ; preds = %bb9
  %i16 = musttail call preserve_nonecc i64 @__sg_exit(ptr noundef %arg, ptr noundef nonnull %arg1, ptr noundef %arg2)
  ret i64 %i16

bb17:                                             ; preds = %bb9
  %i18 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef nonnull %arg1, ptr noundef %arg2)
  ret i64 %i18
}
