# if instruction->oparg == 0 and sg_narrow((uint64_t)instruction->operand)
	.section	.text.UPDATE,"ax",@progbits
	.hidden	UPDATE
	.globl	UPDATE
	.p2align	4
	.type	UPDATE,@function
UPDATE:
	addq	$__sg_e_UPDATE_v3_0, 8(%r14)
	jmp	__sg_continue
.LBB_END_0:
.Lfunc_end:
	.size	UPDATE, .Lfunc_end-UPDATE

# if instruction->oparg == 0 and !(sg_narrow((uint64_t)instruction->operand))
	.section	.text.UPDATE,"ax",@progbits
	.hidden	UPDATE
	.globl	UPDATE
	.p2align	4
	.type	UPDATE,@function
UPDATE:
	movabsq	$__sg_e_UPDATE_v1_0, %rax
	addq	%rax, 8(%r14)
	jmp	__sg_continue
.LBB_END_0:
.Lfunc_end:
	.size	UPDATE, .Lfunc_end-UPDATE

# if instruction->oparg != 0 and instruction->oparg == 1 and sg_narrow((uint64_t)instruction->operand)
	.section	.text.UPDATE,"ax",@progbits
	.hidden	UPDATE
	.globl	UPDATE
	.p2align	4
	.type	UPDATE,@function
UPDATE:
	movq	$__sg_e_UPDATE_v6_0, 8(%r14)
	jmp	__sg_continue
.LBB_END_0:
.Lfunc_end:
	.size	UPDATE, .Lfunc_end-UPDATE

# if instruction->oparg != 0 and instruction->oparg == 1 and !(sg_narrow((uint64_t)instruction->operand))
	.section	.text.UPDATE,"ax",@progbits
	.hidden	UPDATE
	.globl	UPDATE
	.p2align	4
	.type	UPDATE,@function
UPDATE:
	movabsq	$__sg_e_UPDATE_v4_0, %rax
	movq	%rax, 8(%r14)
	jmp	__sg_continue
.LBB_END_0:
.Lfunc_end:
	.size	UPDATE, .Lfunc_end-UPDATE

# if instruction->oparg != 0 and instruction->oparg != 1
	.section	.text.UPDATE,"ax",@progbits
	.hidden	UPDATE
	.globl	UPDATE
	.p2align	4
	.type	UPDATE,@function
UPDATE:
	jmp	__sg_exit
.LBB_END_0:
.Lfunc_end:
	.size	UPDATE, .Lfunc_end-UPDATE
