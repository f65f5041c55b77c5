/* Wine 8 has no bcryptprimitives.dll, from which Rust's standard library takes its random numbers. This is the
 * one function it wants, over an older one that Wine has. For tests under Wine only: Windows brings its own. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size_bytes);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size_bytes) {
    return SystemFunction036(buffer, (ULONG)size_bytes);
}
