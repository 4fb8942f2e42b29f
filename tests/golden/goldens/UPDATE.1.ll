define dso_local hidden preserve_nonecc i64 @UPDATE(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr "min-legal-vector-width"="0" "no-trapping-math"="true" "target-cpu"="x86-64" "target-features"="+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87" "tune-cpu"="generic" noredzone nounwind "frame-pointer"="reserved" "no-jump-tables"="true" {
bb:
  %i = tail call zeroext i16 @__sg_hole_u16_oparg()
  switch i16 %i, label %bb11 [
    i16 0, label %bb3
    i16 1, label %bb8
  ]

bb3:                                              ; preds = %bb
  %i4 = tail call i64 @__sg_hole_i64_operand()
  %i5 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  %i6 = load i64, ptr %i5, align 8
  %i7 = add nsw i64 %i6, %i4
  store i64 %i7, ptr %i5, align 8
  br label %bb13

bb8:                                              ; preds = %bb
  %i9 = tail call i64 @__sg_hole_i64_operand()
  %i10 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  store i64 %i9, ptr %i10, align 8
  br label %bb13

bb11:                                             ; preds = %bb
  %i12 = musttail call preserve_nonecc i64 @__sg_exit(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2)
  ret i64 %i12

bb13:                                             ; preds = %bb8, %bb3
  %i14 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef nonnull %arg2)
  ret i64 %i14
}
