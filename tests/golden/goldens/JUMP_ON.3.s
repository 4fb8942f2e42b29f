	.section	.text.JUMP_ON,"ax",@progbits
	.hidden	JUMP_ON
	.globl	JUMP_ON
	.p2align	4
	.type	JUMP_ON,@function
JUMP_ON:
	subl	$1, 16(%r14)
	jb	JUMP_ON.cold
	movl	20(%r14), %eax
	movl	$__sg_e_JUMP_ON_0, %ecx
	testb	$1, %cl
	je	.LBB_4
	testl	%eax, %eax
	js	.LBB_5
.LBB_3:
	jmp	__sg_label_target
.LBB_4:
	testl	%eax, %eax
	js	.LBB_3
.LBB_5:
	movl	$__sg_e_JUMP_ON_1, 20(%r14)
	jmp	__sg_continue
.LBB_END_5:
	.section	.text.split.JUMP_ON,"ax",@progbits
JUMP_ON.cold:
	jmp	__sg_exit
.LBB_END_6:
	.size	JUMP_ON.cold, .LBB_END_6-JUMP_ON.cold
	.section	.text.JUMP_ON,"ax",@progbits
.Lfunc_end:
	.size	JUMP_ON, .Lfunc_end-JUMP_ON
