// Package pulse tells how a brand is: whether more is said about it than it is used to, whether that is trouble, and what
// people suddenly talk about. It is pure: what was counted goes in, the next state comes out.
package pulse
