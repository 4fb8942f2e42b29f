	.section	.text.COUNT,"ax",@progbits
	.hidden	COUNT
	.globl	COUNT
	.p2align	4
	.type	COUNT,@function
COUNT:
	pushq	%rax
	movq	8(%r14), %rsi
	cvtsi2sd	%rsi, %xmm0
	addsd	24(%r14), %xmm0
	movsd	%xmm0, (%rsp)
	movabsq	$__sg_e_COUNT_0, %rdx
	movq	%r14, %rdi
	callq	count
	movq	%rax, 8(%r14)
	movsd	(%rsp), %xmm0
	movsd	%xmm0, 24(%r14)
	popq	%rax
	jmp	__sg_continue
.LBB_END_0:
.Lfunc_end:
	.size	COUNT, .Lfunc_end-COUNT
