	.section	.text.BINARY_ADD_FLOAT,"ax",@progbits
	.hidden	BINARY_ADD_FLOAT
	.globl	BINARY_ADD_FLOAT
	.p2align	4
	.type	BINARY_ADD_FLOAT,@function
BINARY_ADD_FLOAT:
	pushq	%rax
	movq	-16(%r13), %rbx
	movq	-8(%r13), %rdi
	movsd	16(%rbx), %xmm0
	addsd	16(%rdi), %xmm0
	movq	(%r14), %r15
	testq	%r15, %r15
	je	BINARY_ADD_FLOAT.cold
	movq	8(%r15), %rax
	movq	%rax, (%r14)
	movq	$1, (%r15)
	leaq	Float_Type(%rip), %rax
	movq	%rax, 8(%r15)
	movsd	%xmm0, 16(%r15)
.LBB_2:
	decq	(%rbx)
	je	.LBB_7
.LBB_3:
	leaq	-8(%r13), %rbx
	decq	(%rdi)
	je	.LBB_8
.LBB_4:
	movq	%r15, -16(%r13)
	movq	%rbx, %r13
	popq	%rax
	jmp	__sg_continue
.LBB_END_4:
	.section	.text.split.BINARY_ADD_FLOAT,"ax",@progbits
BINARY_ADD_FLOAT.cold:
	movq	%rdi, %r15
	movq	%r14, %rdi
	callq	float_new
	movq	%r15, %rdi
	movq	%rax, %r15
	testq	%rax, %rax
	jne	.LBB_2
	popq	%rax
	jmp	__sg_exit
.LBB_7:
	movq	%rdi, (%rsp)
	movq	%rbx, %rdi
	callq	object_free
	movq	(%rsp), %rdi
	jmp	.LBB_3
.LBB_8:
	callq	object_free
	jmp	.LBB_4
.LBB_END_8:
	.size	BINARY_ADD_FLOAT.cold, .LBB_END_8-BINARY_ADD_FLOAT.cold
	.section	.text.BINARY_ADD_FLOAT,"ax",@progbits
.Lfunc_end:
	.size	BINARY_ADD_FLOAT, .Lfunc_end-BINARY_ADD_FLOAT
