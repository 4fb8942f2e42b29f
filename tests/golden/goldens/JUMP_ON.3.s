# if ((uint64_t)instruction->oparg & 1) == 0
	.section	.text.JUMP_ON,"ax",@progbits
	.hidden	JUMP_ON
	.globl	JUMP_ON
	.p2align	4
	.type	JUMP_ON,@function
JUMP_ON:
	subl	$1, 16(%r14)
	jb	JUMP_ON.cold
	cmpl	$0, 20(%r14)
	js	.LBB_3
	jmp	__sg_label_target
.LBB_3:
	movl	$__sg_e_JUMP_ON_v1_0, 20(%r14)
	jmp	__sg_continue
.LBB_END_3:
	.section	.text.split.JUMP_ON,"ax",@progbits
JUMP_ON.cold:
	jmp	__sg_exit
.LBB_END_4:
	.size	JUMP_ON.cold, .LBB_END_4-JUMP_ON.cold
	.section	.text.JUMP_ON,"ax",@progbits
.Lfunc_end:
	.size	JUMP_ON, .Lfunc_end-JUMP_ON

# if !(((uint64_t)instruction->oparg & 1) == 0)
	.section	.text.JUMP_ON,"ax",@progbits
	.hidden	JUMP_ON
	.globl	JUMP_ON
	.p2align	4
	.type	JUMP_ON,@function
JUMP_ON:
	subl	$1, 16(%r14)
	jb	JUMP_ON.cold
	cmpl	$0, 20(%r14)
	js	.LBB_3
	movl	$__sg_e_JUMP_ON_v2_0, 20(%r14)
	jmp	__sg_continue
.LBB_3:
	jmp	__sg_label_target
.LBB_END_3:
	.section	.text.split.JUMP_ON,"ax",@progbits
JUMP_ON.cold:
	jmp	__sg_exit
.LBB_END_4:
	.size	JUMP_ON.cold, .LBB_END_4-JUMP_ON.cold
	.section	.text.JUMP_ON,"ax",@progbits
.Lfunc_end:
	.size	JUMP_ON, .Lfunc_end-JUMP_ON
