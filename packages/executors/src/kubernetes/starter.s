# Does the system calls that it is told, and nothing else (x86-64, Linux).
#
# An order comes on standard input, or in the file that the first argument names: eight bytes that say how
# long it is, then the order itself, which is put somewhere in memory:
#   u64 links, u64 steps
#   links x u64   places in the order that hold a distance from its beginning: addresses are made of them
#   steps x 88    number, six arguments, where to put the result (0: nowhere), the least result that will do
#                 (signed), the code to exit with where it is less, and where the first argument is (0: there)
# Number 0x7000 is no system call: from then on standard input is what comes in frames, each four bytes that
# say how long it is and so many bytes; one of no length is its end. A process of its own passes it on.
# Once all steps are done the next order is read; where there is none, it ends.
        .intel_syntax noprefix
        .globl _start
        .text
_start:
        xor     r12d, r12d              # where orders come from: standard input
        cmp     qword ptr [rsp], 2
        jb      next
        mov     rdi, [rsp+16]           # the first argument
        xor     esi, esi
        mov     eax, 2                  # open
        syscall
        test    eax, eax
        js      broken
        mov     r12d, eax
next:
        sub     rsp, 16
        mov     rsi, rsp
        mov     r13d, 8
        call    fill
        test    r13, r13
        jz      sized
        cmp     r13, 8
        je      done                    # nothing came
        jmp     broken
sized:
        mov     r14, [rsp]              # how long it is
        add     rsp, 16
        mov     eax, 1
        shl     rax, 30
        cmp     r14, rax
        ja      broken
        cmp     r14, 16
        jb      broken
        mov     eax, 9                  # mmap
        xor     edi, edi
        mov     rsi, r14
        mov     edx, 3                  # read and write
        mov     r10d, 0x22              # private and anonymous
        mov     r8, -1
        xor     r9d, r9d
        syscall
        cmp     rax, -4096
        ja      broken
        mov     rbp, rax                # where it is
        mov     rsi, rax
        mov     r13, r14
        call    fill
        test    r13, r13
        jnz     broken
        mov     rcx, [rbp]
        lea     rbx, [rbp+16]
link:
        test    rcx, rcx
        jz      linked
        mov     rax, [rbx]
        add     [rbp+rax], rbp
        add     rbx, 8
        dec     rcx
        jmp     link
linked:
        mov     r15, [rbp+8]
step:
        test    r15, r15
        jz      over
        mov     rax, [rbx]
        cmp     eax, 0x7000
        je      pump
        mov     rdi, [rbx+8]
        mov     rsi, [rbx+16]
        mov     rdx, [rbx+24]
        mov     r10, [rbx+32]
        mov     r8, [rbx+40]
        mov     r9, [rbx+48]
        mov     rcx, [rbx+80]
        test    rcx, rcx
        jz      loaded
        mov     rdi, [rcx]
loaded:
        syscall
result:
        mov     rcx, [rbx+56]
        test    rcx, rcx
        jz      kept
        mov     [rcx], rax
kept:
        cmp     rax, [rbx+64]
        jl      failed
        add     rbx, 88
        dec     r15
        jmp     step
failed:
        mov     edi, [rbx+72]
        jmp     exit
over:
        mov     eax, 11                 # munmap
        mov     rdi, rbp
        mov     rsi, r14
        syscall
        jmp     next
broken:
        mov     edi, 125
        jmp     exit
done:
        xor     edi, edi
exit:
        mov     eax, 231                # exit_group
        syscall
pump:
        sub     rsp, 16
        mov     rdi, rsp
        xor     esi, esi
        mov     eax, 293                # pipe2
        syscall
        test    eax, eax
        js      broken
        mov     edi, 0x8011             # a sibling (CLONE_PARENT), so that nobody has to wait for it
        xor     esi, esi
        xor     edx, edx
        xor     r10d, r10d
        xor     r8d, r8d
        mov     eax, 56                 # clone
        syscall
        test    eax, eax
        js      broken
        jz      pumping
        mov     edi, [rsp]
        xor     esi, esi
        mov     eax, 33                 # dup2
        syscall
        mov     edi, [rsp]
        mov     eax, 3                  # close
        syscall
        mov     edi, [rsp+4]
        mov     eax, 3
        syscall
        add     rsp, 16
        xor     eax, eax
        jmp     result
pumping:
        mov     edi, [rsp]
        mov     eax, 3
        syscall
        mov     edi, 1
        mov     eax, 3
        syscall
        mov     edi, 2
        mov     eax, 3
        syscall
        mov     r15d, [rsp+4]
frame:
        mov     qword ptr [rsp], 0
        mov     rsi, rsp
        mov     r13d, 4
        call    fill
        test    r13, r13
        jnz     done
        mov     ebx, [rsp]              # what is left of the frame
        test    ebx, ebx
        jz      done
piece:
        xor     eax, eax                # read, into where the order was
        xor     edi, edi
        mov     rsi, rbp
        mov     rdx, rbx
        cmp     rdx, r14
        cmova   rdx, r14
        syscall
        test    rax, rax
        jle     done
        sub     rbx, rax
        mov     r13, rax
        mov     rsi, rbp
pour:
        mov     eax, 1                  # write
        mov     edi, r15d
        mov     rdx, r13
        syscall
        test    rax, rax
        jle     done
        add     rsi, rax
        sub     r13, rax
        jnz     pour
        test    rbx, rbx
        jnz     piece
        jmp     frame
# Reads r13 bytes to rsi; r13 is then what is missing.
fill:
        xor     eax, eax                # read
        mov     edi, r12d
        mov     rdx, r13
        syscall
        cmp     rax, -4                 # interrupted
        je      fill
        test    rax, rax
        jle     filled
        add     rsi, rax
        sub     r13, rax
        jnz     fill
filled:
        ret
