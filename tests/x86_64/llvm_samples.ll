; Functions whose code has what LLVM prints in ways of its own: string instructions, atomics, bit counts, thread-local
; storage, x87, 128-bit integers, masked vectors, jump tables, traps.
target triple = "x86_64-unknown-linux-gnu"
declare void @llvm.memset.p0.i64(ptr,i8,i64,i1)
declare void @llvm.memcpy.p0.p0.i64(ptr,ptr,i64,i1)
declare i64 @llvm.cttz.i64(i64,i1)
declare i64 @llvm.ctlz.i64(i64,i1)
declare {i64,i1} @llvm.sadd.with.overflow.i64(i64,i64)
declare i64 @llvm.fshl.i64(i64,i64,i64)
declare i64 @llvm.bswap.i64(i64)
@t = thread_local(localexec) global i64 0
@tg = external thread_local global i64
define void @a(ptr %p, ptr %q, i64 %n) minsize optsize { call void @llvm.memset.p0.i64(ptr %p,i8 0,i64 %n,i1 false)
 call void @llvm.memcpy.p0.p0.i64(ptr %p,ptr %q,i64 512,i1 false)
 call void @llvm.memset.p0.i64(ptr %p,i8 0,i64 1024,i1 false) ret void }
define i64 @b(i64 %x, i64 %y) { %a = call i64 @llvm.cttz.i64(i64 %x,i1 false) %b = call i64 @llvm.ctlz.i64(i64 %x,i1 true) %c = call i64 @llvm.fshl.i64(i64 %a,i64 %b,i64 %y) %d=call i64 @llvm.bswap.i64(i64 %c) %e = call i64 @llvm.cttz.i64(i64 %d,i1 true) %f = add i64 %d, %e ret i64 %f}
define i64 @c(ptr %p, i64 %v, i32 %w, ptr %q) { %a = atomicrmw add ptr %p, i64 %v seq_cst
 %b = cmpxchg ptr %p, i64 %a, i64 %v seq_cst seq_cst
 %c = atomicrmw xchg ptr %p, i64 %v seq_cst
 %d = atomicrmw sub ptr %p, i64 1 seq_cst
 atomicrmw or ptr %q, i32 %w seq_cst
 %e = atomicrmw nand ptr %q, i8 3 seq_cst
 fence seq_cst
 %b2 = cmpxchg ptr %p, i128 0, i128 5 seq_cst seq_cst
 store i64 %c, ptr @t
 %g = load i64, ptr @tg
 %f = add i64 %c, %g ret i64 %f }
define x86_fp80 @d(x86_fp80 %x, x86_fp80 %y, ptr %p) { %a = fadd x86_fp80 %x, %y %b = fdiv x86_fp80 %a, %y %c = fcmp olt x86_fp80 %b, %x %d = select i1 %c, x86_fp80 %x, x86_fp80 %b %e = fptosi x86_fp80 %d to i64 store i64 %e, ptr %p %f = sitofp i64 %e to x86_fp80 %g = fsub x86_fp80 %f, %d ret x86_fp80 %g }
define i128 @e(i128 %a, i128 %b) { %c = mul i128 %a, %b %d = shl i128 %c, %a ret i128 %d}
define <8 x double> @f(<8 x double> %a, ptr %p, <8 x i1> %m) { %b = load <8 x double>, ptr %p %c = fadd <8 x double> %a, %b %d = select <8 x i1> %m, <8 x double> %c, <8 x double> %a ret <8 x double> %d}
declare <8 x double> @llvm.masked.gather.v8f64.v8p0(<8 x ptr>, i32, <8 x i1>, <8 x double>)
declare void @llvm.masked.store.v16i32.p0(<16 x i32>, ptr, i32, <16 x i1>)
declare void @llvm.masked.compressstore.v16i32(<16 x i32>, ptr, <16 x i1>)
define <8 x double> @g(<8 x ptr> %p, <8 x i1> %m, <16 x i32> %v, ptr %q, <16 x i1> %k, <16 x i32> %w) { %r = call <8 x double> @llvm.masked.gather.v8f64.v8p0(<8 x ptr> %p, i32 8, <8 x i1> %m, <8 x double> zeroinitializer)
 call void @llvm.masked.store.v16i32.p0(<16 x i32> %v, ptr %q, i32 4, <16 x i1> %k)
 %c = icmp ult <16 x i32> %v, %w
 call void @llvm.masked.compressstore.v16i32(<16 x i32> %w, ptr %q, <16 x i1> %c)
 ret <8 x double> %r}
define i32 @h(i32 %x) { switch i32 %x, label %d [ i32 0, label %a
 i32 1, label %b
 i32 2, label %c
 i32 3, label %e]
a: ret i32 5
b: ret i32 77
c: ret i32 13
e: ret i32 9
d: call void @llvm.trap() ret i32 0 }
declare void @llvm.trap()
define half @i(half %x, half %y) { %a = fadd half %x, %y ret half %a }
