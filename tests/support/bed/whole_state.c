/*
 * Gives the host the whole of a process's floating-point state where User Mode Linux writes the part it knows.
 *
 * Its kernel 6.1 has room for the state of a processor without AMX. A host with AMX takes the whole state or none, so
 * the first process of such a machine would end with "put_fp_registers". Nothing in a machine is let use AMX: what is
 * beyond the part is as it was in the beginning.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Not on the stack: a kernel's is small. Only one thread of the machine's kernel traces. */
static char state[65536];
static size_t size;

long ptrace(enum __ptrace_request request, ...)
{
	__builtin_va_list arguments;
	long word;

	__builtin_va_start(arguments, request);
	pid_t pid = __builtin_va_arg(arguments, pid_t);
	void *address = __builtin_va_arg(arguments, void *);
	void *data = __builtin_va_arg(arguments, void *);
	__builtin_va_end(arguments);

	if (request == PTRACE_SETREGSET && (unsigned long)address == NT_X86_XSTATE) {
		struct iovec *part = data, whole = { state, sizeof(state) };

		if (!size && !syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &whole))
			size = whole.iov_len;
		if (part->iov_len < size) {
			memcpy(state, part->iov_base, part->iov_len);
			whole.iov_len = size;
			return syscall(SYS_ptrace, request, pid, address, &whole);
		}
	}
	/* The kernel writes a word that is asked for where it is told to; the library returns it. */
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, pid, address, &word) < 0 ? -1 : word;
	return syscall(SYS_ptrace, request, pid, address, data);
}
