define dso_local hidden preserve_nonecc i64 @JUMP_ON(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr "min-legal-vector-width"="0" "no-trapping-math"="true" "target-cpu"="x86-64" "target-features"="+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87" "tune-cpu"="generic" noredzone nounwind "frame-pointer"="reserved" "no-jump-tables"="true" {
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
  %i9 = tail call zeroext i16 @__sg_hole_u16_oparg()
  %i10 = zext i16 %i9 to i32
  %i11 = and i32 %i10, 1
  %i12 = icmp eq i32 %i11, 0
  %i13 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  %i14 = load i32, ptr %i13, align 4
  br i1 %i12, label %bb17, label %bb15

bb15:                                             ; preds = %bb8
  %i16 = icmp slt i32 %i14, 0
  br i1 %i16, label %bb19, label %bb21

bb17:                                             ; preds = %bb8
  %i18 = icmp sgt i32 %i14, -1
  br i1 %i18, label %bb19, label %bb21

bb19:                                             ; preds = %bb17, %bb15
  %i20 = musttail call preserve_nonecc i64 @__sg_label_target(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i20

bb21:                                             ; preds = %bb17, %bb15
  %i22 = mul nuw nsw i32 %i10, 3
  %i23 = add nuw nsw i32 %i22, 5
  %i24 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  store i32 %i23, ptr %i24, align 4
  %i25 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i25
}
