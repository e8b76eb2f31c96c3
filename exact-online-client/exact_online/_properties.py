"""Which type a property of Exact has, where its name tells it: the same in every resource.

From the published descriptions of 91 resources. A name that has different types in different
resources (``ID``, ``Code``, ``Status``) is not here.
"""

NUMBERS = frozenset(
    """
    Amount AmountCredit AmountDC AmountDebit AmountDiscount AmountDiscountDC
    AmountDiscountExclVat AmountDiscountFC AmountFC AmountFCExclVAT AmountFCExclVat
    AmountFCInclVAT AmountInTransit AmountPrecision AmountVATBaseFC AmountVATDC AmountVATFC
    AverageCost BatchQuantity ClosingBalanceFC CostPriceFC CostPriceNew CostPriceStandard
    CreditLinePurchase CreditLineSales CurrentStock Discount DiscountPercentage DiscountPurchase
    DiscountSales ExchangeRate ExpenseNonDeductiblePercentage ExtraDutyAmountFC
    ExtraDutyPercentage FileSize FreeNumberField_01 FreeNumberField_02 FreeNumberField_03
    FreeNumberField_04 FreeNumberField_05 FreeNumberField_06 FreeNumberField_07
    FreeNumberField_08 FreeStock GAccountAmountFC GrossWeight Latitude Longitude Margin
    MaximumStock NetPrice NetWeight NumberOfItemsPerUnit OpeningBalanceFC PaymentDiscountAmount
    PaymentDiscountPercentage Percentage PlanningIn PlanningOut Price PricePrecision
    PrivatePercentage ProjectedStock Quantity QuantityDelivered QuantityInvoiced QuantityOrdered
    Rate RateFC ReorderPoint ReorderQuantity ReservedStock SafetyStock ServerUtcOffset
    ShareCapital StandardSalesPrice StatisticalNetWeight StatisticalQuantity StatisticalUnits
    StatisticalValue Stock TransactionAmountDC TransactionAmountFC UnitPrice VATAmount
    VATAmountDC VATAmountFC VATBaseAmountDC VATBaseAmountFC VATNonDeductiblePercentage
    VATPercentage WithholdingTaxAmountDC WithholdingTaxAmountFC WithholdingTaxBaseAmount
    WithholdingTaxPercentage
    """.split()  # noqa: SIM905  # a list of them would have 800 lines
)
"""Amounts, rates, quantities and percentages."""

MOMENTS = frozenset(
    """
    Approved ArchiveDate BirthDate ControlledDate Created CustomerSince Date DeletedDate
    DeliveryDate DiscountDueDate DivisionHRLinkUnlinkDate DivisionMoveDate DocumentDate DueDate
    EndDate EndTime EntryDate EstablishedDate ExpiryDate FreeDateField_01 FreeDateField_02
    FreeDateField_03 FreeDateField_04 FreeDateField_05 From IdentificationDate InvoiceDate
    LastPaymentDate Modified OrderDate PaymentSelected ReceivableSelected StartDate StartTime
    StatusSince To TransactionDueDate UserInvoiceDate
    """.split()  # noqa: SIM905  # a list of them would have 800 lines
)
"""Dates and times."""

WHOLE = frozenset(
    """
    Abstract AccountIsCustomer AccountIsSupplier AccountManagerHID AccountingDivision Active
    AddressSource AllowCostsInSales AllowMailing AllowVAT AllowVariableCurrency
    AllowVariableExchangeRate ApprovalStatus AssembledLeadDays AssimilatedVATBox AutoSave
    AutomaticProcessProposedEntry BankAccountUseSEPA BankAccountUseSepaDirectDebit BatchNumber
    BelcotaxType Blocked BlockingStatus CalculationBasis CanDropShip Charged CompleteDelivery
    CompleteInvoice Compress ConsolidationScenario CopyRemarks CostPaid Count CountingCycle
    CreateMode Current CurrentDivision DeliveryAdvice DeliveryNumber DeliveryStatus
    DescriptionTermID DirectDebitMandatePaymentType DirectDebitMandateType DiscountPaymentDays
    DiscountType Division DocumentIsCreatable DocumentIsDeletable DocumentIsUpdatable
    DocumentIsViewable DocumentNumber DossierDivision EnableSalesPaymentLink EndPeriod EndYear
    EntityType EntryNumber ExcludeVATListing FinPeriod FinYear FinancialPeriod FinancialYear
    FreeBoolField_01 FreeBoolField_02 FreeBoolField_03 FreeBoolField_04 FreeBoolField_05
    GLAccountType HasEmptyBody HasWithholdingTaxSales IgnoreDatevWarningMessage
    IncotermVersion IncotermVersionPurchase IncotermVersionSales InheritShare IntraStat
    InvoiceAttachmentType InvoiceMode InvoiceNumber InvoiceStatus InvoicingMethod IsAccountant
    IsAgency IsAnonymised IsBank IsBatchBooking IsBatchItem IsBatchNumberItem IsBlocked
    IsClientUser IsCompetitor IsDefault IsDossierDivision IsEmployeeSelfServiceUser IsExtraDuty
    IsFractionAllowedItem IsFullyPaid IsHRDivision IsMailing IsMailingExcluded IsMainContact
    IsMainDivision IsMakeItem IsMember IsMyFirmLiteUser IsMyFirmPortalUser IsNewContract
    IsOEIMigrationMandatory IsOnDemandItem IsPackageItem IsPilot IsPracticeDivision IsPurchase
    IsPurchaseItem IsRegistrationCodeItem IsReseller IsSales IsSalesItem IsSerialItem
    IsSerialNumberItem IsShippingCost IsStarterUser IsStockItem IsSubcontractedItem IsSupplier
    IsTaxableItem IsTime IsTupleSubElement IsWebshopItem JournalType LineNumber LineType Main
    Matching Nillable NumberOfCreatedInvoices NumberOfFailedInvoices OrderNumber OrderPolicy
    OrderStatus OurRef PaymentBatchNumber PaymentDays PaymentDaysDiscount PaymentEndOfMonths
    PaymentServiceProvider PeppolIdentifierType Period ProcessNumber ProposedEntryStatus
    PurchaseLeadDays PurchaseOrderLineNumber PurchaseOrderNumber ReceivableBatchNumber
    RecepientOfCommissions ReplenishmentType ReportingPeriod ReportingYear RevalueCurrency
    Reversal SalesInvoiceNumber SalesOrderLineNumber SalesOrderNumber ScanServiceStatus
    SecurityLevel SendEmailToCustomer SendInvoiceToCustomerPostbox SendInvoiceViaPeppol
    SendMethod SendOutputBasedOnAccount SeparateInvPerProject SeparateInvPerSubscription
    ShippingLeadDays ShopOrderNumber ShowRemarkForSales Source StarterSalesInvoiceStatus
    StorageLocationSequenceNumber TaxReturnType TransactionIsReversal
    TransactionReportingPeriod TransactionReportingYear TransactionStatus TransactionType
    TypeCategory UseCostcenter UseCostunit UseDropShipment UseExplosion UseStorageLocations
    VATPartialRatio VatMargin Year
    """.split()  # noqa: SIM905  # a list of them would have 800 lines
)
"""Whole numbers and flags; Exact writes some flags as numbers, and the longest numbers as text."""

TEXTS = frozenset(
    """
    Account AccountBankAccountID AccountBankAccountNumber AccountCode AccountContact
    AccountContactName AccountCountry AccountId AccountMainContact AccountManager
    AccountManagerFullName AccountName Accountant ActivitySector ActivitySubSector AddressLine1
    AddressLine2 AddressLine3 AddressStreet AddressStreetNumber AddressStreetNumberSuffix
    ApprovalStatusDescription Approver ApproverFullName Asset AssetCode AssetDescription
    Attachment BICCode BRIN BSN Balance BalanceSide BalanceType Bank BankAccount
    BankAccountBICCode BankAccountCountry BankAccountDescription BankAccountHolderName
    BankAccountIBAN BankAccountID BankAccountIncludingMask BankAccountNumber BankDescription
    BankName Barcode BirthName BirthNamePrefix BirthPlace Body BusinessEmail BusinessFax
    BusinessMobile BusinessPhone BusinessPhoneExtension BusinessType BusinessTypeCode
    BusinessTypeDescription CallbackURL CashflowTransactionBatchCode CategoryDescription
    CategoryName ChamberOfCommerce ChamberOfCommerceEstablishment ChamberOfCommerceNumber City
    Class_06 Class_07 Class_08 Class_09 Class_10 Classification Classification1 Classification2
    Classification3 Classification4 Classification5 Classification6 Classification7
    Classification8 ClassificationDescription ClientID CodeAtSupplier CompanySize
    CompanySizeCode CompanySizeDescription Contact ContactFullName ContactName ContractID
    ContractNumber CostCenter CostCenterCode CostCenterDescription CostPriceCurrency CostUnit
    CostUnitCode CostUnitDescription Costcenter CostcenterDescription Costunit
    CostunitDescription Country CountryDescription CountryName Creator CreatorFullName
    CreditManagementScenario CreditManagementScenarioCode CreditManagementScenarioDescription
    Currency CurrencyCode CurrencyDescription CustomField Customer CustomerCode CustomerItemCode
    CustomerName DDView DatevAccountantNumber DatevClientNumber DatevCreditorCode
    DatevDebtorCode DefaultItemUnit DefaultItemUnitDescription DefaultStorageLocation
    DefaultStorageLocationCode DefaultStorageLocationDescription DeletedBy DeliverTo
    DeliverToAddress DeliverToContactPerson DeliverToContactPersonFullName DeliverToName
    DeliveryAccount DeliveryAccountCode DeliveryAccountName DeliveryAddress DeliveryContact
    DeliveryContactPersonFullName DeliveryStatusDescription Description DirectDebitMandate
    DirectDebitMandateDescription DirectDebitMandateReference DiscountCalculation
    DivisionCustomer DivisionCustomerCode DivisionCustomerName DivisionCustomerSiretNumber
    DivisionCustomerVatNumber Document DocumentCreationError DocumentCreationSuccess
    DocumentFolder DocumentFolderCode DocumentFolderDescription DocumentLayout DocumentSubject
    DocumentViewUrl DunsNumber EMail EORINumber EUSalesListing Email EmailCreationError
    EmailCreationSuccess EmailLayout Employee EmployeeFullName EmployeeID EndToEndID EntityKey
    EntryID ErrorMessage Errors ExternalLinkDescription ExternalLinkReference ExtraDescription
    ExtraText Fax FileName FinancialTransactionEntryID FirstName Format FreeTextField_01
    FreeTextField_02 FreeTextField_03 FreeTextField_04 FreeTextField_05 FreeTextField_06
    FreeTextField_07 FreeTextField_08 FreeTextField_09 FreeTextField_10 FullName GLAP GLAR
    GLAccount GLAccountCode GLAccountDescription GLAccountPurchase GLAccountSales GLCosts
    GLCostsCode GLCostsDescription GLCostsWorkInProgress GLCostsWorkInProgressCode
    GLCostsWorkInProgressDescription GLDiscountPurchase GLDiscountPurchaseCode
    GLDiscountPurchaseDescription GLDiscountSales GLDiscountSalesCode GLDiscountSalesDescription
    GLPurchaseAccount GLPurchaseAccountCode GLPurchaseAccountDescription
    GLPurchasePriceDifference GLPurchasePriceDifferenceCode GLPurchasePriceDifferenceDescr
    GLRevenue GLRevenueCode GLRevenueDescription GLRevenueWorkInProgress
    GLRevenueWorkInProgressCode GLRevenueWorkInProgressDescription GLStock GLStockCode
    GLStockDescription GLStockVariance GLStockVarianceCode GLStockVarianceDescription GLToClaim
    GLToClaimCode GLToClaimDescription GLToPay GLToPayCode GLToPayDescription Gender GlnNumber
    IBAN Id IdentificationDocument IdentificationUser IncotermAddress IncotermAddressPurchase
    IncotermAddressSales IncotermCode IncotermCodePurchase IncotermCodeSales Initials
    IntraStatArea IntraStatCountry IntraStatDeliveryTerm IntraStatSystem IntraStatTransactionA
    IntraStatTransactionB IntraStatTransportMethod IntrastatType InvoiceAccount
    InvoiceAccountCode InvoiceAccountName InvoiceID InvoiceStatusDescription InvoiceTo
    InvoiceToContactPerson InvoiceToContactPersonFullName InvoiceToName Item ItemCode
    ItemDescription ItemGroup ItemGroupCode ItemGroupDescription ItemId ItemMaterial
    ItemRoutingStep ItemVersion ItemVersionDescription JobTitleDescription Journal JournalCode
    JournalDescription JournalTypeDescription Language LanguageCode LanguageDescription LastName
    LeadPurpose LeadSource LegalText Logo LogoFileName LogoThumbnailUrl LogoUrl Mailbox
    MainContact ManagerUser MarketingNotes MiddleName Mobile Modifier ModifierFullName Name
    Nationality NetWeightUnit NicNumber OBNumber OINNumber OffsetID Opportunity OrderCharge
    OrderChargeCode OrderChargeDescription OrderChargesLineDescription OrderID OrderId OrderedBy
    OrderedByContactPerson OrderedByContactPersonFullName OrderedByName OssCountry PackageCode
    Parent PartnerName PartnerNamePrefix PayAsYouEarn PaymentCondition PaymentConditionCode
    PaymentConditionDescription PaymentConditionPaymentMethod PaymentConditionPurchase
    PaymentConditionPurchaseDescription PaymentConditionSales PaymentConditionSalesDescription
    PaymentDiscountType PaymentInTransitAccount PaymentInformationID PaymentMethod
    PaymentReference PaymentSelector PaymentSelectorFullName PaymentServiceAccount
    PaymentServiceAccountIdentifier PaymentServiceProviderName PeppolCreationError
    PeppolCreationSuccess PeppolIdentifier PeriodType Person Phone PhoneExtension Picture
    PictureName PictureThumbnailUrl PictureUrl PostboxMessageCreationError
    PostboxMessageCreationSuccess PostboxSender Postcode PriceList Pricelist
    PricelistDescription PrivateGLAccount Project ProjectCode ProjectDescription ProjectWBS
    ProjectWBSDescription PurchaseCurrency PurchaseCurrencyDescription PurchaseOrder
    PurchaseOrderLine PurchaseVATCode PurchaseVATCodeDescription RSIN ReceivableSelector
    ReceivableSelectorFullName Remarks ReportingCode Reseller ResellerCode ResellerName
    SalesChannel SalesChannelCode SalesChannelDescription SalesCurrency SalesCurrencyDescription
    SalesOrder SalesOrderLine SalesOrderLineID SalesTaxSchedule SalesTaxScheduleCode
    SalesTaxScheduleDescription SalesVATCode SalesVATCodeDescription SalesVatCode
    SalesVatCodeDescription Salesperson SalespersonFullName SbiCode SbiDescription SearchCode
    SectorCode SectorDescription SelectionCode SelectionCodeCode SelectionCodeDescription
    SenderEmailAddress SerialNumber ServerTime ShippingMethod ShippingMethodCode
    ShippingMethodDescription ShippingRatesURL ShopOrder SiretNumber SocialSecurityNumber
    SourceCurrency SourceCurrencyDescription StarterSalesInvoiceStatusDescription State
    StateDescription StateName StatisticalCode StatisticalNumber StatusDescription
    StorageLocation StorageLocationCode StorageLocationDescription Subject Subscription
    SubscriptionDescription SubsectorCode SubsectorDescription SubstitutionGroup SuccessMessage
    TargetCurrency TargetCurrencyDescription TaxOfficeNumber TaxReferenceNumber TaxSchedule
    TaxScheduleCode TaxScheduleDescription TaxonomyNamespace TaxonomyNamespaceDescription
    TeamsMeetingId TemplateCode ThumbnailPicture ThumbnailPictureFormat TimeUnit Title
    TitleAbbreviation TitleDescription Topic TrackingNumber TrackingNumberDescription
    TrackingURL TradeName TransactionEntryID TransactionID TypeDescription
    UniqueTaxpayerReference Unit UnitCode UnitDescription UnitType Unitcode Url UserID UserName
    VATCalculation VATCode VATCodeDescription VATCodeID VATDescription VATGLAccountType
    VATLiability VATNonDeductibleGLAccount VATNumber VATSystem VATTransactionType VATType
    VatDocType Warehouse WarehouseCode WarehouseDescription WarehouseID Website
    YearEndCostGLAccount YearEndReflectionGLAccount YourRef
    """.split()  # noqa: SIM905  # a list of them would have 800 lines
)
"""Texts, codes and GUIDs."""
