	.section	.text.LOAD_FAST,"ax",@progbits
	.hidden	LOAD_FAST
	.globl	LOAD_FAST
	.p2align	4
	.type	LOAD_FAST,@function
LOAD_FAST:
	movq	__sg_e_LOAD_FAST_0(%r12), %rax
	incq	(%rax)
	movq	%rax, (%r13)
	addq	$8, %r13
	jmp	__sg_continue
.LBB_END_0:
.Lfunc_end:
	.size	LOAD_FAST, .Lfunc_end-LOAD_FAST
