	.section	.text.GUARD_BOTH_FLOAT,"ax",@progbits
	.hidden	GUARD_BOTH_FLOAT
	.globl	GUARD_BOTH_FLOAT
	.p2align	4
	.type	GUARD_BOTH_FLOAT,@function
GUARD_BOTH_FLOAT:
	movq	-8(%r13), %rcx
	leaq	Float_Type(%rip), %rax
	cmpq	%rax, 8(%rcx)
	jne	GUARD_BOTH_FLOAT.cold
	movq	-16(%r13), %rcx
	cmpq	%rax, 8(%rcx)
	jne	.LBB_4
	jmp	__sg_continue
.LBB_END_2:
	.section	.text.split.GUARD_BOTH_FLOAT,"ax",@progbits
GUARD_BOTH_FLOAT.cold:
	jmp	__sg_exit
.LBB_4:
	jmp	__sg_exit
.LBB_END_4:
	.size	GUARD_BOTH_FLOAT.cold, .LBB_END_4-GUARD_BOTH_FLOAT.cold
	.section	.text.GUARD_BOTH_FLOAT,"ax",@progbits
.Lfunc_end:
	.size	GUARD_BOTH_FLOAT, .Lfunc_end-GUARD_BOTH_FLOAT
