package calendar

import (
	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/us"
)

// Countries lists whose public holidays are known; a German state follows a hyphen.
const Countries = "AT, BE, CH, DE, DE-BB, DE-BE, DE-BW, DE-BY, DE-HB, DE-HE, DE-HH, DE-MV, DE-NI, DE-NW, DE-RP, DE-SH, DE-SL, " +
	"DE-SN, DE-ST, DE-TH, DK, ES, FR, GB, IE, IT, NL, PL, US"

// public gives a country's holidays.
func public(code string) ([]*cal.Holiday, bool) {
	switch code {
	case "AT":
		return at.Holidays, true
	case "BE":
		return be.Holidays, true
	case "CH":
		return ch.Holidays, true
	case "DK":
		return dk.Holidays, true
	case "ES":
		return es.Holidays, true
	case "FR":
		return fr.Holidays, true
	case "GB":
		return gb.Holidays, true
	case "IE":
		return ie.Holidays, true
	case "IT":
		return it.Holidays, true
	case "NL":
		return nl.Holidays, true
	case "PL":
		return pl.Holidays, true
	case "US":
		return us.Holidays, true
	}
	return german(code)
}

func german(code string) ([]*cal.Holiday, bool) {
	switch code {
	case "DE":
		return de.Holidays, true
	case "DE-BB":
		return de.HolidaysBB, true
	case "DE-BE":
		return de.HolidaysBE, true
	case "DE-BW":
		return de.HolidaysBW, true
	case "DE-BY":
		return de.HolidaysBY, true
	case "DE-HB":
		return de.HolidaysHB, true
	case "DE-HE":
		return de.HolidaysHE, true
	case "DE-HH":
		return de.HolidaysHH, true
	case "DE-MV":
		return de.HolidaysMV, true
	case "DE-NI":
		return de.HolidaysNI, true
	case "DE-NW":
		return de.HolidaysNW, true
	case "DE-RP":
		return de.HolidaysRP, true
	case "DE-SH":
		return de.HolidaysSH, true
	case "DE-SL":
		return de.HolidaysSL, true
	case "DE-SN":
		return de.HolidaysSN, true
	case "DE-ST":
		return de.HolidaysST, true
	case "DE-TH":
		return de.HolidaysTH, true
	}
	return nil, false
}
