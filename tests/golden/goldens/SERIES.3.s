	.section	.text.SERIES,"ax",@progbits
	.hidden	SERIES
	.globl	SERIES
	.p2align	4
	.type	SERIES,@function
SERIES:
	movsd	32(%r14), %xmm0
	movsd	.LCPI_SERIES_0(%rip), %xmm1
	mulsd	%xmm0, %xmm1
	addsd	.LCPI_SERIES_1(%rip), %xmm1
	mulsd	%xmm0, %xmm1
	addsd	.LCPI_SERIES_2(%rip), %xmm1
	movsd	%xmm1, 40(%r14)
	movl	8(%r14), %eax
	andl	$3, %eax
	leaq	SERIES.steps.ba90445013c8(%rip), %rcx
	movl	(%rcx,%rax,4), %eax
	movl	%eax, 20(%r14)
	jmp	__sg_continue
.LBB_END_0:
.Lfunc_end:
	.size	SERIES, .Lfunc_end-SERIES
