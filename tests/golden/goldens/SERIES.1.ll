define dso_local hidden preserve_nonecc i64 @SERIES(ptr noundef %arg, ptr noundef %arg1, ptr noundef initializes((20, 24), (40, 48)) %arg2) local_unnamed_addr "min-legal-vector-width"="0" "no-trapping-math"="true" "target-cpu"="x86-64" "target-features"="+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87" "tune-cpu"="generic" noredzone nounwind "frame-pointer"="reserved" "no-jump-tables"="true" {
bb:
  %i = getelementptr inbounds nuw i8, ptr %arg2, i64 32
  %i3 = load double, ptr %i, align 8
  %i4 = tail call double @llvm.fmuladd.f64(double %i3, double 2.500000e-01, double 1.500000e+00)
  %i5 = tail call double @llvm.fmuladd.f64(double %i4, double %i3, double -3.750000e+00)
  %i6 = getelementptr inbounds nuw i8, ptr %arg2, i64 40
  store double %i5, ptr %i6, align 8
  %i7 = getelementptr inbounds nuw i8, ptr %arg2, i64 8
  %i8 = load i64, ptr %i7, align 8
  %i9 = and i64 %i8, 3
  %i10 = getelementptr inbounds nuw i32, ptr @SERIES.steps.ba90445013c8, i64 %i9
  %i11 = load i32, ptr %i10, align 4
  %i12 = getelementptr inbounds nuw i8, ptr %arg2, i64 20
  store i32 %i11, ptr %i12, align 4
  %i13 = musttail call preserve_nonecc i64 @__sg_continue(ptr noundef %arg, ptr noundef %arg1, ptr noundef %arg2)
  ret i64 %i13
}
