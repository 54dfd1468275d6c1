/* Written by tools/fit_polynomials.py; the errors are relative and before rounding. */

#ifndef MARGIN_POLYNOMIALS_H
#define MARGIN_POLYNOMIALS_H

#define TAIL_SHIFT 0x1.4000000000000p+2
#define TAIL_END 0x1.3800000000000p+5
#define TAIL_SLOPE 0x1.6906906906907p+3
#define TAIL_OFFSET -0x1.41a41a41a41a4p+0
#define LOG_CENTRE 0x1.e24cc824cb873p-7

/* N(-z) exp(z^2 / 2) (z + TAIL_SHIFT) for 0 <= z <= TAIL_END,
   of x = TAIL_SLOPE / (z + TAIL_SHIFT) + TAIL_OFFSET; 3.6e-17 */
KERNEL_INLINE double tail_polynomial(double x)
{
    const double y = x * x;
    double even = 0x1.c938184e9e4dap-33;
    double odd = -0x1.8481b20d55680p-33;
    even = fma(even, y, -0x1.cc4b60300485ap-29);
    even = fma(even, y, 0x1.2973034c5a33ap-25);
    even = fma(even, y, -0x1.3cb6b60d9dab9p-22);
    even = fma(even, y, 0x1.f25264282cae6p-20);
    even = fma(even, y, 0x1.2c0da608a95fbp-18);
    even = fma(even, y, -0x1.12e9439364995p-11);
    even = fma(even, y, 0x1.6a971e4b6d8e8p-7);
    even = fma(even, y, 0x1.07842bcdd8731p-3);
    even = fma(even, y, 0x1.ef9b0c175bfc6p-2);
    even = fma(even, y, 0x1.b410aa4371b2cp-1);
    odd = fma(odd, y, 0x1.30958ef960a83p-29);
    odd = fma(odd, y, -0x1.4302f0d06e2a0p-26);
    odd = fma(odd, y, 0x1.5874920d6cbcfp-23);
    odd = fma(odd, y, -0x1.a94a4341deddep-20);
    odd = fma(odd, y, 0x1.2accdf2626dbcp-16);
    odd = fma(odd, y, -0x1.953a43d3c7180p-13);
    odd = fma(odd, y, 0x1.c45428ed5104bp-11);
    odd = fma(odd, y, 0x1.789c3a742b4d2p-5);
    odd = fma(odd, y, 0x1.1bdf28be218bap-2);
    odd = fma(odd, y, 0x1.6707186ca2d96p-1);
    return fma(odd, x, even);
}

/* exp(x) for |x| <= log(2) / 2; 4.2e-18 */
KERNEL_INLINE double exp_polynomial(double x)
{
    const double y = x * x;
    double even = 0x1.28b4057f4415fp-22;
    double odd = 0x1.af631d0059c0cp-26;
    even = fma(even, y, 0x1.a01991ac87309p-16);
    even = fma(even, y, 0x1.6c16c187fbe02p-10);
    even = fma(even, y, 0x1.555555554f0cfp-5);
    even = fma(even, y, 0x1.0000000000011p-1);
    even = fma(even, y, 0x1.0000000000000p+0);
    odd = fma(odd, y, 0x1.71ddf5749d126p-19);
    odd = fma(odd, y, 0x1.a01a01b14378fp-13);
    odd = fma(odd, y, 0x1.111111110f225p-7);
    odd = fma(odd, y, 0x1.555555555555ap-3);
    odd = fma(odd, y, 0x1.0000000000000p+0);
    return fma(odd, x, even);
}

/* (log((1 + f) / (1 - f)) - 2 f) / f^3 of x = f^2 - LOG_CENTRE, f <= 3 - sqrt(8); 3.1e-18 */
KERNEL_INLINE double log_polynomial(double x)
{
    const double y = x * x;
    double even = 0x1.2b5baa673e527p-3;
    double odd = 0x1.0c039c4998b93p-3;
    even = fma(even, y, 0x1.8c775131a591dp-3);
    even = fma(even, y, 0x1.2eddd0ed51e13p-2);
    even = fma(even, y, 0x1.5861385a9c7c5p-1);
    odd = fma(odd, y, 0x1.5453e5a609996p-3);
    odd = fma(odd, y, 0x1.ddbbf67a07046p-3);
    odd = fma(odd, y, 0x1.a25ce09ea251ep-2);
    return fma(odd, x, even);
}

#endif
