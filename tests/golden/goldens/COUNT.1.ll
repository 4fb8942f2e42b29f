define dso_local hidden preserve_nonecc i64 @COUNT(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2) local_unnamed_addr "min-legal-vector-width"="0" "no-trapping-math"="true" "target-cpu"="x86-64" "target-features"="+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87" "tune-cpu"="generic" noredzone nounwind "frame-pointer"="reserved" "no-jump-tables"="true" {
bb:
  %i = getelementptr inbounds nuw i8, ptr %arg2, i64 24
  %i3 = load double, ptr %i, align 8
  %i4 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  %i5 = load i64, ptr %i4, align 8
  %i6 = tail call i64 @__sg_hole_i64_operand()
  %i7 = tail call i64 @count(ptr noundef %arg2, i64 noundef %i5, i64 noundef %i6)
  store i64 %i7, ptr %i4, align 8
  %i8 = sitofp i64 %i5 to double
  %i9 = fadd double %i3, %i8
  store double %i9, ptr %i, align 8
  %i10 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2)
  ret i64 %i10
}
