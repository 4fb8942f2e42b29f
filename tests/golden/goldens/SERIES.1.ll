define dso_local hidden preserve_nonecc i64 @SERIES(ptr noundef %arg, ptr noundef %arg1, ptr noundef initializes((20, 24), (40, 48)) %arg2) local_unnamed_addr "min-legal-vector-width"="0" "no-trapping-math"="true" "target-cpu"="x86-64" "target-features"="+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87" "tune-cpu"="generic" noredzone nounwind "frame-pointer"="reserved" "no-jump-tables"="true" {
bb:
  %i = getelementptr inbounds nuw i8, ptr %arg2, i64 32
  %i3 = load double, ptr %i, align 8
  %i4 = fmul double %i3, 2.500000e-01
  %i5 = fadd double %i4, 1.500000e+00
  %i6 = fmul double %i3, %i5
  %i7 = fadd double %i6, -3.750000e+00
  %i8 = getelementptr inbounds nuw i8, ptr %arg2, i64 40
  store double %i7, ptr %i8, align 8
  %i9 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  %i10 = load i64, ptr %i9, align 8
  %i11 = and i64 %i10, 3
  %i12 = getelementptr inbounds nuw i32, ptr @SERIES.steps.ba90445013c8, i64 %i11
  %i13 = load i32, ptr %i12, align 4
  %i14 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  store i32 %i13, ptr %i14, align 4
  %i15 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2)
  ret i64 %i15
}
