define hidden preserve_nonecc i64 @BINARY_ADD_FLOAT(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr {
bb:
  %i = getelementptr inbounds i8, ptr %arg1, i64 -16
  %i3 = load ptr, ptr %i, align 8
  %i4 = getelementptr inbounds i8, ptr %arg1, i64 -8
  %i5 = load ptr, ptr %i4, align 8
  %i6 = getelementptr inbounds nuw i8, ptr %i3, i64 16
  %i7 = load double, ptr %i6, align 8
  %i8 = getelementptr inbounds nuw i8, ptr %i5, i64 16
  %i9 = load double, ptr %i8, align 8
  %i10 = fadd double %i7, %i9
  %i11 = load ptr, ptr %arg2, align 8
  %i12 = icmp eq ptr %i11, null
  br i1 %i12, label %bb13, label %bb18

bb13:                                             ; preds = %bb
  %i14 = tail call ptr @float_new(ptr noundef nonnull %arg2, double noundef %i10)
  %i15 = icmp eq ptr %i14, null
  br i1 %i15, label %bb16, label %bb22

bb16:                                             ; preds = %bb13
  %i17 = musttail call preserve_nonecc i64 @__sg_exit(ptr noundef %arg, ptr noundef nonnull %arg1, ptr noundef nonnull %arg2)
  ret i64 %i17

bb18:                                             ; preds = %bb
  %i19 = getelementptr inbounds nuw i8, ptr %i11, i64 8
  %i20 = load ptr, ptr %i19, align 8
  store ptr %i20, ptr %arg2, align 8
  store i64 1, ptr %i11, align 8
  store ptr @Float_Type, ptr %i19, align 8
  %i21 = getelementptr inbounds nuw i8, ptr %i11, i64 16
  store double %i10, ptr %i21, align 8
  br label %bb22

bb22:                                             ; preds = %bb18, %bb13
  %i23 = phi ptr [ %i14, %bb13 ], [ %i11, %bb18 ]
  %i24 = load i64, ptr %i3, align 8
  %i25 = add nsw i64 %i24, -1
  store i64 %i25, ptr %i3, align 8
  %i26 = icmp eq i64 %i25, 0
  br i1 %i26, label %bb27, label %bb28

bb27:                                             ; preds = %bb22
  tail call void @object_free(ptr noundef nonnull %i3)
  br label %bb28

bb28:                                             ; preds = %bb27, %bb22
  %i29 = load i64, ptr %i5, align 8
  %i30 = add nsw i64 %i29, -1
  store i64 %i30, ptr %i5, align 8
  %i31 = icmp eq i64 %i30, 0
  br i1 %i31, label %bb32, label %bb33

bb32:                                             ; preds = %bb28
  tail call void @object_free(ptr noundef nonnull %i5)
  br label %bb33

bb33:                                             ; preds = %bb32, %bb28
  store ptr %i23, ptr %i, align 8
  %i34 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef nonnull %i4, ptr noundef nonnull %arg2)
  ret i64 %i34
}
