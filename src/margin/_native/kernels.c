/* Compiled once per instruction set; KERNEL_ISA is base, v3 or v4. */
#include "black76.h"
#include "moved.h"
#include "places.h"
#include "scenarios.h"
#include "structure.h"
#include "tail.h"

#define JOIN(a, b) a##b
#define TABLE(isa) JOIN(margin_kernels_, isa)
#define QUOTE(x) #x
#define NAME(isa) QUOTE(isa)

extern const margin_kernels TABLE(KERNEL_ISA);
const margin_kernels TABLE(KERNEL_ISA) = {NAME(KERNEL_ISA), black76, black76_grid, combine, fold, lowest,
                                          stress, stress_structured, tail,
                                          sorted_places, moved};
